"""Groups of columns as one player: declared, or found by name and confirmed by a sample."""

import numpy as np
import pytest

from clarify.config.shap_options import ShapOptions
from clarify.errors import ConfigError
from clarify.explain.families import feature_groups, one_hot_families

NAN = np.nan


def one_hot(codes, n_words):
    """The one-hot columns of some codes; a code below 0 is a row of zeros."""
    return (np.asarray(codes)[:, None] == np.arange(n_words)).astype(float)


def families_of(names, *columns):
    values = np.column_stack(columns)
    return one_hot_families(names, values, np.zeros(values.shape[1], dtype=bool))


CODES = [0, 1, 2, 2, 1, 0]


@pytest.mark.parametrize(
    ("names", "family"),
    [
        (["job_admin.", "job_blue-collar", "job_self employed"], "job"),
        (["job=admin.", "job=blue_collar", "job=self.employed"], "job"),
        (["job[admin]", "job[T.blue]", "job[x_y]"], "job"),
        (["job admin", "job blue", "job c"], "job"),
        (["marital.status=a", "marital.status=b", "marital.status=c"], "marital.status"),
        (["remainder__job_admin", "remainder__job_b", "remainder__job_c"], "remainder__job"),
        (["education_basic.4y", "education_basic.6y", "education_high.school"], "education"),
    ],
)
def test_a_family_has_the_longest_beginning_its_columns_share(names, family):
    assert families_of(names, one_hot(CODES, 3)) == ((family, tuple(names)),)


def test_families_of_one_encoder_are_kept_apart_by_their_rows():
    names = ["num__age", "cat__sex_f", "cat__sex_m", "cat__region_n", "cat__region_s", "cat__region_e"]
    sexes, age = [0, 1, 0, 1, 1, 0], [30.0, 40, 50, 60, 70, 80]

    found = families_of(names, age, one_hot(sexes, 2), one_hot(CODES, 3))

    assert found == (("cat__sex", tuple(names[1:3])), ("cat__region", tuple(names[3:])))


def test_an_encoding_that_drops_its_first_word_is_a_family():
    assert families_of(["job_b", "job_c"], one_hot([-1, 0, 1, -1], 2)) == (("job", ("job_b", "job_c")),)


def test_missing_cells_are_no_objection():
    values = one_hot(CODES, 3)
    values[3] = NAN

    assert families_of(["a_x", "a_y", "a_z"], values) == (("a", ("a_x", "a_y", "a_z")),)


def test_members_need_not_lie_side_by_side():
    values = one_hot([0, 1, 0], 2)

    found = families_of(["sex_f", "age", "sex_m"], values[:, 0], [20.0, 30, 40], values[:, 1])

    assert found == (("sex", ("sex_f", "sex_m")),)


@pytest.mark.parametrize(
    "columns",
    [
        [[1.0, 0], [1, 0]],             # two ones in one row
        [[0.0, 0], [0, 0]],             # zeros alone show nothing
        [[0.0, 1], [2, 0]],             # another number
        [[0.0, 1], [0.5, 0]],
        [[NAN, NAN], [NAN, NAN]],
    ],
)
def test_columns_of_one_beginning_are_no_family_when_the_sample_objects(columns):
    assert families_of(["flag_a", "flag_b"], *columns) == ()


def test_text_is_in_no_family_though_its_codes_are_zero_and_one():
    values = one_hot([0, 1, 0], 2)

    assert one_hot_families(["sex_f", "sex_m"], values, np.array([True, True])) == ()


@pytest.mark.parametrize("names", [["x1", "x2"], ["a_x", "b_x"], ["_x", "_y"]])
def test_names_without_a_shared_beginning_are_no_family(names):
    assert families_of(names, one_hot([0, 1, 0], 2)) == ()


def test_a_column_of_zeros_joins_the_family_whose_whole_beginning_it_has_and_no_other():
    names = ["cat__sex_f", "cat__sex_m", "cat__sex_x", "cat__rare_y"]
    nothing = np.zeros(4)

    found = families_of(names, one_hot([0, 1, 0, 1], 2), nothing, nothing)

    assert found == (("cat__sex", ("cat__sex_f", "cat__sex_m", "cat__sex_x")),)


# --- players ----------------------------------------------------------------------------------------------------------

NAMES = ["age", "sex_f", "loc_x", "sex_m", "loc_y", "hours"]
FAMILIES = (("sex", ("sex_f", "sex_m")),)


def options(*groups, group_one_hot=False):
    return ShapOptions(groups=groups, group_one_hot=group_one_hot)


def test_without_groups_every_column_plays_for_itself():
    found = feature_groups(NAMES, options())

    assert found.names == tuple(NAMES)
    assert found.players.columns == ((0,), (1,), (2,), (3,), (4,), (5,))
    assert found.groups == found.notices == ()


def test_players_are_ordered_by_their_first_column():
    found = feature_groups(NAMES, options(("work", ("hours", "age")), ("place", ("loc_y", "loc_x"))))

    assert found.names == ("work", "sex_f", "place", "sex_m")
    assert found.players.columns == ((0, 5), (1,), (2, 4), (3,))
    assert found.groups == (("work", ("age", "hours")), ("place", ("loc_x", "loc_y")))


@pytest.mark.parametrize("names", [["loc_x", "loc_y", "l"], ["loc=x", "loc=y", "l"], ["loc.x", "loc.y", "location_z"]])
def test_a_group_without_columns_holds_those_that_begin_with_its_name(names):
    assert feature_groups(names, options(("loc", ()))).groups == (("loc", tuple(names[:2])),)


def test_families_are_grouped_when_asked_for():
    found = feature_groups(NAMES, options(group_one_hot=True), FAMILIES)

    assert found.names == ("age", "sex", "loc_x", "loc_y", "hours")
    assert found.groups == FAMILIES
    assert found.notices == ()


def test_families_are_named_to_a_user_who_did_not_ask():
    found = feature_groups(NAMES, options(), FAMILIES)

    assert found.groups == ()
    (notice,) = found.notices
    assert notice.code == "SHAP-ONE-HOT"
    assert notice.message == (
        "columns 'sex_f', 'sex_m' look like one-hot columns of 'sex';"
        " --group-one-hot explains each family as one feature"
    )


def test_a_declared_group_leaves_a_family_the_columns_it_does_not_take():
    names = ["job_a", "job_b", "job_c", "sex_f", "sex_m"]
    families = (("job", ("job_a", "job_b", "job_c")), ("sex", ("sex_f", "sex_m")))

    found = feature_groups(names, options(("mine", ("job_c", "sex_f")), group_one_hot=True), families)

    assert found.groups == (("job", ("job_a", "job_b")), ("mine", ("job_c", "sex_f")))
    assert found.names == ("job", "mine", "sex_m")


def test_a_declared_family_is_not_named_again():
    assert feature_groups(NAMES, options(("sex", ())), FAMILIES).notices == ()


def test_a_family_never_takes_the_name_of_a_column():
    found = feature_groups(["sex", "sex_f", "sex_m"], options(group_one_hot=True), FAMILIES)

    assert found.names == ("sex", "sex_*")


def test_a_group_may_have_the_name_of_one_of_its_columns():
    assert feature_groups(["x", "y", "z"], options(("y", ("y", "z")))).names == ("x", "y")


def test_every_problem_of_the_groups_is_told_at_once():
    groups = (("place", ("loc_x", "lok_y")), ("sax", ()), ("hours", ("age",)), ("all", ("loc_x2",)), ("zzz", ()))

    with pytest.raises(ConfigError) as caught:
        feature_groups(NAMES, options(*groups))

    told = [(problem.code, problem.received, problem.hint) for problem in caught.value.problems]
    assert told == [
        ("SHAP-GROUP-COLUMN", "'sax'", "did you mean 'sex'?"),
        ("SHAP-GROUP-COLUMN", "'zzz'", "name its columns: zzz=COLUMN,COLUMN"),
        ("SHAP-GROUP-COLUMN", "'lok_y'", "did you mean 'loc_y'?"),
        ("SHAP-GROUP-COLUMN", "'loc_x2'", "did you mean 'loc_x'?"),
        ("SHAP-GROUP-NAME", "'hours'", "choose another name, or list the column among the group's"),
    ]
    assert {problem.field for problem in caught.value.problems} == {"--group"}
    assert "'age', 'sex_f', 'loc_x'" in caught.value.problems[2].allowed


def test_a_column_that_two_groups_hold_by_name_is_refused():
    with pytest.raises(ConfigError, match=r"--group: received 'a_b_x' in 'a' and 'a_b' +\[SHAP-GROUP-TWICE\]"):
        feature_groups(["a_b_x", "a_y"], options(("a", ()), ("a_b", ())))
