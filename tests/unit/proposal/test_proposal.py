"""A proposed config says what is sure and why, asks what cannot be known, and never chooses a facet."""

import json
from dataclasses import replace

import pytest

from clarify.config.parse import parse_analysis_config
from clarify.errors import ConfigError
from clarify.proposal.column_words import facet_kind, identifier_word, label_word, outcome_word, words_of
from clarify.proposal.draft import open_problems, propose, written_values
from clarify.proposal.evidence import Answers, ColumnFact, DatasetFacts, FacetAnswer, ModelFacts, quartiles
from clarify.proposal.guesses import why_identifier
from clarify.proposal.replies import answered, facet_answer, keyed_choices, next_question, reply_values
from clarify.results import ColumnSummary

DATASET = DatasetFacts("/data/rows.csv", "text/csv", 1000, True)


def column(name, kind, values, *, continuous=False, position=0):
    """A column with the given counts by value."""
    rows = sum(values.values())
    numbers = [float(value) for value in values] if kind in ("int", "float") else []
    summary = ColumnSummary(name, kind, "", rows, 0, len(values), min(numbers, default=None),
                            max(numbers, default=None), 0)
    counts = tuple(values.items())
    quarters = quartiles(counts) if numbers else None
    return ColumnFact(summary, position, counts, len(values) / rows, continuous, quarters)


def table(*columns):
    return tuple(replace(fact, position=position) for position, fact in enumerate(columns))


AGE = column("age", "int", {20 + i: 10 for i in range(50)} | {70: 500}, continuous=True)
SEX = column("sex", "text", {"f": 310, "m": 690})
PURPOSE = column("purpose", "text", {"car": 500, "home": 500})
CREDIT = column("credit", "int", {1: 700, 2: 300})
APPROVED = column("approved", "text", {"no": 600, "yes": 400})
LOANS = table(AGE, SEX, PURPOSE, CREDIT)


def guess_of(proposal, field):
    return next(guess for guess in proposal.guesses if guess.field == field)


def config_of(proposal):
    return json.loads(proposal.document)


# --- the label --------------------------------------------------------------------------------------------------------


def test_the_last_column_of_two_values_is_likely_the_label():
    guess = guess_of(propose(LOANS, None, Answers(), DATASET), "label")

    assert (guess.certainty, guess.answers) == ("likely", ("credit",))
    assert "the last of 4 columns" in guess.evidence


def test_the_only_column_that_the_model_does_not_take_is_certainly_the_label():
    model = ModelFacts("models:/loans/1", ("age", "sex", "credit"), "its signature")

    guess = guess_of(propose(LOANS, model, Answers(), DATASET), "label")

    assert (guess.certainty, guess.answers) == ("certain", ("purpose",))
    assert guess.evidence[0] == "the only column that the model does not take (its signature)"


def test_an_identifier_that_the_model_does_not_take_leaves_the_label_certain():
    number = column("loan_id", "int", dict.fromkeys(range(1000), 1), continuous=True)
    model = ModelFacts("m", ("age", "sex", "purpose"), "its signature")

    proposal = propose(table(number, AGE, SEX, PURPOSE, CREDIT), model, Answers(), DATASET)

    assert guess_of(proposal, "label").answers == ("credit",)
    assert guess_of(proposal, "label").certainty == "certain"
    assert config_of(proposal)["excluded_columns"] == ["loan_id"]


def test_a_model_that_takes_neither_facet_nor_label_leaves_the_label_likely_only():
    model = ModelFacts("m", ("age", "purpose"), "its signature")

    guess = guess_of(propose(LOANS, model, Answers(), DATASET), "label")

    assert (guess.certainty, guess.answers) == ("likely", ("credit",))


def test_training_data_logged_with_their_label_make_it_certain():
    guess = guess_of(propose(LOANS, ModelFacts("m", labels=("purpose",)), Answers(), DATASET), "label")

    assert (guess.certainty, guess.answers) == ("certain", ("purpose",))


def test_columns_that_look_alike_leave_the_label_unknown():
    alike = table(*(column(name, "text", {"x": 500, "y": 500}) for name in ("left", "middle", "right")))

    guess = guess_of(propose(alike, None, Answers(), DATASET), "label")

    assert guess.is_open
    assert [choice.option for choice in guess.choices] == ["--label right", "--label left", "--label middle"]


def test_a_column_that_is_not_there_is_named_with_the_nearest_one():
    with pytest.raises(ConfigError) as caught:
        propose(LOANS, None, Answers(label="credits", facets=(FacetAnswer("sexx"),)), DATASET)

    label, facet = caught.value.problems
    assert (label.code, label.received, label.hint) == ("PROPOSE-COLUMN", "'credits'", "did you mean 'credit'?")
    assert facet.field == "--facet"


# --- the positive outcome ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "values", "likely"),
    [
        ("label", "int", {0: 5, 1: 5}, "1"),
        ("label", "float", {1.0: 5, 0.0: 5}, "1.0"),
        ("label", "int", {-1: 5, 1: 5}, "1"),
        ("label", "bool", {True: 5, False: 5}, "True"),
        ("label", "text", {"No": 5, "Yes": 5}, "Yes"),
        ("label", "text", {"denied": 5, "Approved": 5}, "Approved"),
        ("label", "text", {"good": 5, "bad": 5}, "good"),
        ("label", "text", {"hired": 5, "not hired": 5}, "hired"),
        ("label", "int", {1: 700, 2: 300}, None),                  # German Credit: 1 is good, 2 is bad
        ("label", "text", {"<=50K": 7, ">50K": 3}, None),          # Adult
        ("label", "text", {"yes": 5, "maybe": 5}, None),
        ("label", "int", {0: 5, 1: 5, 2: 5}, None),
        ("defaulted", "text", {"no": 5, "yes": 5}, None),          # people hope for no
        ("churn", "int", {0: 5, 1: 5}, None),
    ],
)
def test_the_positive_value_is_guessed_from_words_that_say_it_and_from_nothing_else(name, kind, values, likely):
    facts = table(SEX, column(name, kind, values))

    guess = guess_of(propose(facts, None, Answers(label=name), DATASET), "label_values_or_threshold")

    assert (guess.answers, guess.certainty) == (((likely,), "likely") if likely else ((), "unknown"))


def test_a_continuous_label_is_asked_for_a_threshold_with_its_quartiles():
    progression = column("progression", "float", {float(i): 1 for i in range(1, 101)}, continuous=True)

    guess = guess_of(propose(table(SEX, progression), None, Answers(label="progression"), DATASET),
                     "label_values_or_threshold")

    assert guess.is_open
    assert [choice.answer for choice in guess.choices] == ["25", "50", "75"]


def test_several_classes_may_be_positive_together():
    species = column("species", "int", {0: 50, 1: 50, 2: 50})

    proposal = propose(table(SEX, species), None, Answers(label="species", positive=("1", "2")), DATASET)

    assert config_of(proposal)["label_values_or_threshold"] == [1, 2]


def test_a_positive_value_that_nobody_has_is_refused_with_those_that_are_there():
    with pytest.raises(ConfigError, match=r"--positive: received 'yess'(.|\n)*'no'(.|\n)*did you mean 'yes'"):
        propose(table(SEX, APPROVED), None, Answers(label="approved", positive=("yess",)), DATASET)


# --- spelling a choice as AWS reads it --------------------------------------------------------------------------------


def test_the_larger_of_two_continuous_codes_is_written_as_what_lies_above_the_smaller():
    code = column("label", "float", {0.0: 5, 1.0: 5}, continuous=True)

    assert written_values(code, (1.0,)) == (0.0,)       # AWS: 0 < value <= 1
    assert written_values(code, (0.0,)) == ()           # AWS has no spelling for it


def test_a_threshold_on_whole_numbers_that_repeat_is_written_as_the_values_above_it():
    age = column("age", "int", dict.fromkeys(range(18, 90), 100))      # 72 of 7,200: AWS reads groups

    assert written_values(age, (86,)) == (87, 88, 89)


def test_a_threshold_on_a_continuous_column_stays_a_threshold():
    assert written_values(AGE, (40,)) == (40,)


def test_a_threshold_above_every_row_is_refused():
    with pytest.raises(ConfigError, match=r"--facet age: received 70(.|\n)*20 to below 70"):
        propose(LOANS, None, Answers(facets=(FacetAnswer("age", ("70",)),)), DATASET)


def test_the_smaller_of_two_continuous_codes_is_refused_before_anything_is_written():
    code = column("label", "float", {0.0: 5, 1.0: 5}, continuous=True)

    with pytest.raises(ConfigError, match="AWS reads the column as a range"):
        propose(table(SEX, code), None, Answers(label="label", positive=("0",)), DATASET)


# --- facets -----------------------------------------------------------------------------------------------------------


def test_a_facet_is_never_chosen_however_telling_its_name():
    proposal = propose(LOANS, None, Answers(label="credit", positive=("1",)), DATASET)

    guess = guess_of(proposal, "facet")
    assert (guess.certainty, guess.answers) == ("unknown", ())
    assert [choice.answer for choice in guess.choices] == ["age", "sex"]
    assert "facet" not in config_of(proposal)
    assert [question.field for question in proposal.questions(accept_likely=True)] == ["facet"]


def test_facet_d_is_asked_with_the_rows_of_each_value():
    proposal = propose(LOANS, None, Answers(facets=(FacetAnswer("sex"),)), DATASET)

    guess = guess_of(proposal, "facet[0].value_or_threshold")
    assert guess.is_open
    assert [(choice.answer, choice.words) for choice in guess.choices] == [
        ("m", "690 rows (69%)"), ("f", "310 rows (31%)"),
    ]  # fmt: skip


def test_a_scale_without_a_threshold_stays_open_though_its_column_was_named():
    proposal = propose(LOANS, None, Answers(facets=(FacetAnswer("age", ()),)), DATASET)

    assert guess_of(proposal, "facet[0].value_or_threshold").is_open
    assert guess_of(proposal, "facet[0].value_or_threshold").option == "--facet age=NUMBER"


def test_the_refusal_names_the_exact_options():
    problems = {p.field: p for p in open_problems(propose(LOANS, None, Answers(), DATASET), accept_likely=True)}

    assert problems["label_values_or_threshold"].allowed == "--positive 1; --positive 2"
    assert problems["facet"].allowed == "--facet age=NUMBER; --facet 'sex=m|f'"
    assert "label" not in problems


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Geschlecht", "sex or gender"), ("applicant_sex", "sex or gender"), ("género", "sex or gender"),
        ("ageBand", "age or birth"), ("native-country", "nationality or origin"),
        ("foreign_worker", "nationality or origin"), ("marital-status", "marital or family status"),
        ("personal_status", "marital or family status"), ("religión", "religion or belief"),
        ("disability", "disability"), ("RACE", "race or ethnicity"),
        ("mortgage", None), ("wage", None), ("trace", None), ("percentage", None), ("status", None),
    ],
)  # fmt: skip
def test_names_of_facets_are_known_by_whole_words(name, kind):
    found = facet_kind(name)

    assert (found[0] if found else None) == kind


@pytest.mark.parametrize(
    ("answer", "values"),
    [("sex", ()), ("sex=*", ()), ("sex=f", ("f",)), ("sex=f, x", ("f", "x")), ("a=b=1", ("1",))],
)
def test_a_facet_option_is_column_and_values(answer, values):
    assert facet_answer(answer, ["sex", "a", "a=b"]).values == values


# --- what else is proposed --------------------------------------------------------------------------------------------


def test_metrics_that_need_a_group_variable_are_left_out_without_one():
    answers = Answers(label="credit", positive=("1",), facets=(FacetAnswer("sex", ("f",)),))

    without = config_of(propose(LOANS, None, answers, DATASET))
    stratified = config_of(propose(LOANS, None, replace(answers, group_variable="purpose"), DATASET))

    assert without["methods"] == {"pre_training_bias": {"methods": ["CI", "DPL", "JS", "KL", "KS", "LP", "TVD"]}}
    assert stratified["group_variable"] == "purpose"
    assert stratified["methods"]["pre_training_bias"] == {"methods": "all"}


def test_a_model_brings_post_training_bias_and_explanations():
    model = ModelFacts("models:/loans/3", ("age", "sex", "purpose"), "its signature")
    answers = Answers(positive=("1",), facets=(FacetAnswer("sex", ("f",)),))

    config = config_of(propose(LOANS, model, answers, DATASET))

    assert list(config["methods"]) == ["pre_training_bias", "post_training_bias", "shap"]
    assert config["predictor"] == {"model_name": "models:/loans/3"}


def test_without_bias_only_explanations_are_proposed_and_nothing_is_asked_of_facets():
    model = ModelFacts("m", ("age", "sex", "purpose"), "its signature")

    proposal = propose(LOANS, model, Answers(bias=False), DATASET)

    assert list(config_of(proposal)["methods"]) == ["shap"]
    assert proposal.questions(accept_likely=False) == ()


def test_a_column_named_like_predictions_with_the_labels_values_is_likely_the_predicted_label():
    facts = table(SEX, column("predicted", "text", {"no": 500, "yes": 500}), APPROVED)

    guess = guess_of(propose(facts, None, Answers(label="approved"), DATASET), "predicted_label")

    assert (guess.certainty, guess.answers) == ("likely", ("predicted",))


def test_a_model_whose_inputs_are_missing_in_the_data_is_refused():
    with pytest.raises(ConfigError, match=r"--model: received a model that takes 'income' +\[PROPOSE-MODEL-COLUMNS"):
        propose(LOANS, ModelFacts("m", ("age", "income"), "its signature"), Answers(), DATASET)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (column("customer_id", "int", {7 * i: 1 for i in range(40)}, continuous=True), "its name holds 'id'"),
        (column("note", "text", {f"t{i}": 1 for i in range(40)}), "a different text in every row"),
        (column("row", "int", dict.fromkeys(range(5, 45), 1), continuous=True), "whole numbers that count the rows"),
        (column("income", "int", {7 * i: 1 for i in range(40)}, continuous=True), None),
        (column("amount", "float", {i + 0.5: 1 for i in range(40)}, continuous=True), None),
        (column("store_id", "int", dict.fromkeys(range(4), 10)), None),
        (column("row", "int", dict.fromkeys(range(10), 1), continuous=True), None),       # too few rows to tell
    ],
)
def test_identifiers_are_told_by_name_and_uniqueness(fact, expected):
    found = why_identifier(fact)

    assert found is None if expected is None else expected in (found or "")


def test_a_word_for_missing_values_is_remarked():
    facts = table(column("job", "text", {"clerk": 900, "?": 100}), APPROVED)

    assert propose(facts, None, Answers(), DATASET).notes == (
        "job: 100 rows of '?' are read as a value, not as missing",
    )


def test_a_finished_proposal_is_a_config_that_the_parser_takes_as_it_is():
    answers = Answers(label="credit", positive=("1",), facets=(FacetAnswer("sex", ("f",)), FacetAnswer("age", ("40",))))

    parsed = parse_analysis_config(propose(LOANS, None, answers, DATASET).document)

    assert parsed.notices == ()
    assert parsed.config.label_values_or_threshold == (1,)
    assert [facet.value_or_threshold for facet in parsed.config.facets] == [("f",), (40,)]


# --- the conversation -------------------------------------------------------------------------------------------------


def test_questions_come_in_order_until_nothing_is_open():
    replies = {"label": "", "label_values_or_threshold": "b", "facet": "1, sex", "facet[0].value_or_threshold": "40",
               "facet[1].value_or_threshold": "f", "group_variable": "none"}  # fmt: skip
    answers, asked = Answers(), []
    proposal = propose(LOANS, None, answers, DATASET)

    while (question := next_question(proposal, frozenset(asked))) is not None:
        reply = replies[question.field] or ", ".join(question.answers)
        answers = answered(answers, question, reply_values(reply, question))
        proposal, asked = propose(LOANS, None, answers, DATASET), [*asked, question.field]

    assert asked == list(replies)
    assert config_of(proposal)["label_values_or_threshold"] == [2]
    assert config_of(proposal)["facet"] == [
        {"name_or_index": "age", "value_or_threshold": [40]}, {"name_or_index": "sex", "value_or_threshold": ["f"]},
    ]  # fmt: skip
    assert proposal.questions(accept_likely=False) == ()


def test_values_that_are_numbers_are_chosen_by_letters_so_that_1_means_the_value_1():
    question = guess_of(propose(LOANS, None, Answers(), DATASET), "label_values_or_threshold")

    assert [key for key, _ in keyed_choices(question)] == ["a", "b"]
    assert reply_values("2", question) == ("2",)
    assert reply_values("a", question) == ("1",)


def test_names_are_cut_into_words_without_accents_and_case():
    assert words_of("maritalStatus_2") == ("marital", "status", "2")
    assert label_word("Class1Good2Bad") == "class"
    assert identifier_word("Unnamed: 0") == "unnamed"
    assert outcome_word("Yes.") == 1


def test_quartiles_are_counted_from_values_and_rows():
    # 1 1 2 3 3 3 4 5: the second, fourth and sixth of eight rows
    assert quartiles(((3, 3), (1, 2), (2, 1), (5, 1), (4, 1))) == (1.0, 3.0, 3.0)
