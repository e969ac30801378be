"""What is said of groups that are withheld: neither that they are small, nor undefined, nor that nothing is missing."""

import json
import re
from dataclasses import replace

import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.config.policy import read_policy
from clarify.report.first_screen.checks import checks_for
from clarify.report.first_screen.overview import overview_of, verdict_sentence
from clarify.report.html import render_report
from clarify.report.names import name_all
from clarify.report.notes import left_out
from clarify.report.selection import groups_of
from clarify.report.shielding.suppressed import suppressed
from clarify.report.views.junit import junit_document
from clarify.report.views.notebook import notebook_html, text_view
from clarify.report.views.pull_request import pull_request_markdown
from clarify.report.views.summary import check_rows, findings, markdown_summary, metric_rows, text_forest
from clarify.report.words import plain
from clarify.results import BiasSection, CellBias, FacetCounts, GroupCounts, Intersection, Reason, Verdict
from clarify.verdicts import decide
from tests.unit.report import small_counts
from tests.unit.report.outlines import Outline
from tests.unit.report.report_examples import AGE, FOREIGN_WORKER, credit_result, example_provenance

# Cells of 3, 1 and 1 among the other rows of foreign_worker; none below 10 for age.
GROUPS = ((AGE, "age", "(18, 25]"), (FOREIGN_WORKER, "foreign_worker", "A201"))
CI_OUTSIDE = {"metric": "CI", "low": -0.8, "high": 0.8}                 # holds for age, not for foreign_worker
RANGES = (CI_OUTSIDE, {"metric": ["DPPL", "RD", "AD"], "low": -0.2, "high": 0.2})
WITHHELD = "it would show, or give away, a count below the limit"


def judged(groups=GROUPS, ranges=RANGES, **keys):
    """The German Credit like result under a policy."""
    parsed = read_policy(json.dumps({"version": "1.0", "name": "p", "ranges": list(ranges), **keys}).encode())
    pre, post = (
        BiasSection(stage, "credit", "1", tuple(
            evaluate(table, facet=facet, value_or_threshold=value, stage=stage,
                     ranges=parsed.policy.ranges_of(facet, value))
            for table, facet, value in groups
        ))
        for stage in ("pre_training", "post_training")
    )  # fmt: skip
    verdicts = decide(parsed.policy, parsed.digest, [pre, post], with_detectable=False)
    return replace(credit_result(), pre_training=pre, post_training=post, verdicts=verdicts)


def overview(result):
    return overview_of(result, example_provenance(), groups_of(result), name_all([]))


def lines(sentences):
    return [plain(sentence) for sentence in sentences]


# --- counts ----------------------------------------------------------------------------------------------------


COVER = suppressed(small_counts.result_of({"x": (3_000, 2_000), "y": (20, 7), "z": (500, 400)}, ("y", "z")), 10)
"""The 900 rows of z are withheld, for with them the 27 of y would be the rest of a sum."""
VIEWS = {
    "page": lambda result: Outline(render_report(result, example_provenance())).text,
    "markdown": markdown_summary,
    "notebook": lambda result: Outline(notebook_html(result)).text,
    "text": text_view,
    "rows": lambda result: str(metric_rows(result)),
    "pull request": lambda result: pull_request_markdown(result, report_uri="r"),
    "build": lambda result: junit_document(result).decode(),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("result", [COVER, suppressed(judged(), 10)], ids=["cover", "judged"])
def test_no_view_says_that_a_withheld_group_is_small(view, result):
    text = VIEWS[view](result)

    assert not re.search(r"(< ?|&lt; ?|fewer than |under )10\b(?! are not shown)|too few rows stand", text)


def test_the_first_screen_says_that_rows_are_not_shown():
    (first, second) = checks_for(groups_of(COVER), None, name_all([])).groups

    assert {first.rows_d, first.rows_a, second.rows_d, second.rows_a} == {"rows not shown"}
    assert not first.is_small
    assert first.rows[0].reason == f"not shown: {WITHHELD}"
    assert "y, rows not shown · others rows not shown" in Outline(notebook_html(COVER)).text


def test_shares_of_hidden_counts_are_not_shown_rather_than_those_of_no_row():
    result = credit_result()
    hidden = GroupCounts(0, 0, 0, 0, fewer_than=10)
    facets = tuple(replace(f, counts=FacetCounts(hidden, hidden, hidden)) for f in result.post_training.facets)

    found = checks_for(groups_of(replace(result, post_training=replace(result.post_training, facets=facets))), None,
                       name_all([]))  # fmt: skip

    assert {row.share_d for group in found.groups for row in group.rows if row.acronym == "DPPL"} == {"not shown"}


def test_a_table_of_many_groups_has_not_shown_in_place_of_the_numbers():
    many = tuple((table, f"facet {i}", "x") for i, table in enumerate((AGE, FOREIGN_WORKER) * 4))
    result = suppressed(replace(judged(many), verdicts=None), 10)

    shown, hidden, *_ = checks_for(groups_of(result), None, name_all([])).values.rows

    assert hidden.rows == "not shown"
    assert set(hidden.values) == {"not shown"}
    assert "not shown" not in (shown.rows, *shown.values)


def test_what_a_policy_calls_small_holds_for_the_cards_too():
    said = "Every comparison for this group rests on 37 rows."

    assert said in Outline(render_report(judged(), example_provenance())).text
    assert said not in Outline(render_report(judged(small_group=30), example_provenance())).text


# --- sentences -------------------------------------------------------------------------------------------------


def test_withheld_metrics_are_counted_apart_from_undefined_ones():
    """Of 21 metrics of each group 3 are undefined whatever the counts; the other 18 of one group are withheld."""
    result = suppressed(credit_result(), 10)

    assert plain(verdict_sentence(result)) == (
        "18 of 42 bias metrics for 2 groups have a value; 6 are undefined; 18 are not shown to this reader. "
        "No allowed range was declared, so there is no verdict."
    )
    assert overview(result).title.startswith("No verdict, 42 metrics, 6 undefined, 18 not shown: ")


@pytest.mark.parametrize("result", [credit_result(), judged()], ids=["plain", "judged"])
def test_what_is_not_shown_is_a_list_of_its_own(result):
    found = overview(suppressed(result, 10))

    assert lines(found.not_shown) == [
        "18 metrics for foreign_worker = A201: each would show, or give away, a count below the limit."
    ]
    assert "limit" not in " ".join(lines((*found.undefined, *found.undecided)))
    assert overview(result).not_shown == ()


def test_terminal_and_markdown_tell_what_is_not_shown():
    result = suppressed(credit_result(), 10)
    said = "18 metrics for foreign_worker = A201: each would show, or give away, a count below the limit."

    assert findings(result)[-1] == f"Not shown: {said}"
    assert [line for line in findings(result) if line.startswith("Undefined: ") and "limit" in line] == []
    assert "## Not shown\n\n- 18 metrics for `foreign_worker` = `A201`" in markdown_summary(result)


CROSSED = (Intersection(("age", "foreign_worker"), (CellBias(("(18, 25]", "A201"), 4),)),)


def test_crossed_facets_that_are_withheld_were_looked_at():
    withheld = overview(suppressed(replace(credit_result(), intersections=CROSSED), 10))
    never = overview(suppressed(credit_result(), 10))

    assert "Facets in combination." in lines(withheld.not_shown)
    assert "Facets in combination." not in lines(withheld.not_looked_at)
    assert "Facets in combination." in lines(never.not_looked_at)
    assert "Facets in combination." not in lines(never.not_shown)


def test_a_facet_called_like_a_part_is_not_taken_for_it():
    groups = ((FOREIGN_WORKER, "crossed facets", "A201"),)

    found = overview(suppressed(judged(groups), 10))

    assert "Facets in combination." in lines(found.not_looked_at)


def test_without_a_group_that_is_shown_nobody_is_told_that_nothing_is_missing():
    world = {"x": (300, 200), "y": (40, 30), "unknown": (2, 0)}
    result = suppressed(small_counts.result_of(world, ("x", "y")), 10)

    rows = {plain(row.what): (row.how_many, row.why) for row in left_out(result, groups_of(result), name_all([]))}

    assert rows["Rows without a value of f"] == ("not shown", WITHHELD)
    assert rows["Rows without a label"] == ("not shown", WITHHELD)
    assert rows["Metrics that are not shown"] == ("2", WITHHELD)
    assert "Metrics without a value" not in rows


def test_an_undecided_check_whose_reason_would_tell_is_still_undecided():
    result = judged(ranges=(CI_OUTSIDE,))
    (first, second) = result.verdicts.judgements
    open_ = replace(second, verdict=Verdict.INCONCLUSIVE, reason=Reason.NO_ROWS)
    result = suppressed(replace(result, verdicts=replace(result.verdicts, judgements=(first, open_))), 10)

    assert lines(overview(result).undecided)[0] == "1 check; see the table."
    assert "Cannot be decided: the reason is not shown either." in VIEWS["page"](result)


# --- a violation of a withheld group ---------------------------------------------------------------------------


HIDDEN_VIOLATION = suppressed(judged(), 10)


def test_a_withheld_violation_stands_first_in_its_group_of_the_forest():
    _, group = checks_for(groups_of(HIDDEN_VIOLATION), HIDDEN_VIOLATION.verdicts, name_all([])).groups

    first = group.rows[0]
    assert (first.acronym, first.chip.state) == ("CI", "violation")
    assert first.reason == f"not shown: {WITHHELD}"


def test_a_withheld_violation_leads_what_was_found():
    assert lines(overview(HIDDEN_VIOLATION).found)[0] == "Outside: Group size balance, foreign_worker, not shown."
    assert markdown_summary(HIDDEN_VIOLATION).partition("## Found\n\n")[2].startswith(
        "- **Outside the range you allow**: Group size balance for `foreign_worker` = `A201`, not shown; "
    )


def test_a_withheld_violation_is_among_the_few_rows_of_a_small_view():
    (row,) = text_forest(HIDDEN_VIOLATION, most=1)

    assert row.startswith("CI    foreign")
    assert row.endswith(" VIOLATION")
    assert "not shown" in row


def test_a_withheld_violation_is_the_first_row_of_its_group_in_tables_and_of_a_pull_request():
    rows = [row for row in check_rows(HIDDEN_VIOLATION) if row.facet == "foreign_worker"]
    _, _, first, *_ = [line for line in VIEWS["pull request"](HIDDEN_VIOLATION).split("\n") if line.startswith("|")]

    assert (rows[0].verdict, rows[0].value) == ("VIOLATION", "not shown")
    assert first.startswith("| VIOLATION | `foreign_worker` | `A201` | Group size balance (CI) | not shown |")


def test_the_matrix_keeps_the_verdicts_of_withheld_groups():
    many = tuple((FOREIGN_WORKER if i == 7 else AGE, f"facet {i}", "x") for i in range(8))
    result = suppressed(judged(many), 10)

    found = checks_for(groups_of(result), result.verdicts, name_all([]))

    assert found.matrix.rows[7].cells[0].letter == "V"
    assert found.matrix.rows[7].rows == "not shown"
    assert (found.groups[-1].rows[0].acronym, found.groups[-1].rows[0].chip.state) == ("CI", "violation")


def test_a_metric_that_is_undefined_and_open_stays_a_dash_in_the_matrix():
    nobody = ContingencyTable.from_confusion(a=(300, 200, 100, 100), d=(0, 0, 0, 0))
    many = tuple((nobody if i == 7 else AGE, f"facet {i}", "x") for i in range(8))
    result = judged(many, ranges=({"metric": "DPPL", "low": -0.05, "high": 0.05},))

    found = checks_for(groups_of(result), result.verdicts, name_all([]))

    assert [cell.word for cell in found.matrix.rows[7].cells] == ["undefined"]
