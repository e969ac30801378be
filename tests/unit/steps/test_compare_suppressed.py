"""A comparison for readers who may not see small counts or names: what it rests on, what is written, what stays."""

from collections import defaultdict
from functools import cache
from itertools import product
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clarify.bias.contingency import ContingencyTable
from clarify.bias.evaluate import evaluate
from clarify.bias.paired import JointTable
from clarify.compared import ComparedRun, NotCompared, Unpaired
from clarify.config.presentation import Presentation
from clarify.report.comparison.held_back import HeldBack, held_back, holds_small_pairs, with_small_strata
from clarify.report.comparison.shielded import suppressed_comparison
from clarify.report.shielding.shielded import shielded
from clarify.results import AnalysisResult, BiasSection, DatasetDescription, ValidationOutcome
from clarify.steps.compare import CompareRequest, compare, compared_json, compared_text, without_small_pairs
from clarify.steps.compare_metrics import RunResult, compare_results
from clarify.steps.tolerances import Tolerances
from tests.unit.report.small_counts import compositions
from tests.unit.steps.test_compare import both, joint, metrics_of, paired_rows, publish

BELOW_10 = Presentation(suppress_below=10)
F = ("sex", "f")


def decisions(table):
    """The file of each run: a row for every count of a joint table without strata."""
    cells = np.indices(table.counts.shape).reshape(5, -1)
    facet, label, *said, _ = (np.repeat(axis, table.counts.ravel()) for axis in cells)
    about = (b'{"version": "1.0", "label": "ok", "label_value_or_threshold": "1", "facets": [["sex", "f"]],'
             b' "group_variable": null}')  # fmt: skip
    return tuple(_file({"label": label, "decision": decision, "facet_0": facet}, about) for decision in said)


def _file(codes, about):
    columns = [pa.array(values.astype(np.int8), mask=values == 2) for values in codes.values()]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, names=list(codes)).replace_schema_metadata({b"clarify.decisions": about}), sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def run(tmp_path):
    """Publish both runs of a joint table, compare them, and give what was published with the files' texts."""
    number = iter(range(100))

    def compared(table, presentation=BELOW_10, **tolerances):
        folder = tmp_path / str(next(number))
        for name, one, left in zip("ab", both(table), decisions(table), strict=True):
            publish(str(folder / name), one.result, decisions=left)
        request = CompareRequest(
            str(folder / "a"), str(folder / "b"), str(folder / "out"), Tolerances(**tolerances), presentation
        )
        found = compare(request)
        files = {path.suffix: path.read_bytes() for path in (folder / "out").iterdir()}
        return SimpleNamespace(folder=str(folder), found=found, files=files, full=found.comparison, shown=found.shown)

    return compared


# --- pairs ------------------------------------------------------------------------------------------------------------


def test_a_comparison_rests_on_pairs_where_none_of_their_counts_is_small(run):
    one = run(joint(20))                                    # 40 rows turned, 160 and more alike

    assert one.shown.is_paired
    assert one.shown.agreement == one.full.agreement


def test_few_pairs_make_the_whole_comparison_unpaired_and_it_says_why(run):
    one = run(joint(5, gained=1))                           # 5 rows turned; every cell of each run has 25 rows or more

    assert (one.full.unpaired_because, one.shown.unpaired_because) == (Unpaired.WITHHELD, Unpaired.WITHHELD)
    assert one.shown.agreement is None
    assert one.shown.groups[0].fewer_than == 0
    assert metrics_of(one.shown)["DPPL"].interval == metrics_of(one.full)["DPPL"].interval is not None
    assert b"pairs of the two runs would give away counts" in one.files[".html"]


def test_the_same_runs_are_paired_for_readers_who_may_see_every_count(run):
    assert run(joint(5, gained=1), Presentation()).full.is_paired


def test_a_row_without_a_decision_is_a_small_count(run):
    counts = joint(20).counts.copy()
    counts[0, 0, 2, 1, 0] = 7

    assert run(JointTable(counts)).shown.unpaired_because is Unpaired.WITHHELD


def test_small_pairs_of_a_group_that_is_withheld_anyway_leave_the_others_paired():
    few = joint(5, gained=1)
    everyone = joint(20).counts.sum(axis=(0, 4))

    assert holds_small_pairs({F: few}, everyone, HeldBack(10))
    assert not holds_small_pairs({F: few}, everyone, HeldBack(10, groups=frozenset([F])))


def test_conditional_metrics_go_with_a_stratum_of_few_pairs():
    counts = np.concatenate([joint(20).counts] * 3, axis=4)
    counts[0, 1, 0, 0, 1] = 7

    held = with_small_strata(HeldBack(10), {F: JointTable(counts, has_strata=True)})

    assert held.metrics == {(F, "post_training", "CDDPL")}
    assert with_small_strata(HeldBack(10), {F: joint(20)}).metrics == frozenset()


# --- what can be worked out -------------------------------------------------------------------------------------------


def worlds(champion, challenger, rows):
    """All joint tables of rows labelled 1 in two groups in which so many rows are positive for each run."""
    for both_positive in range(max(0, champion + challenger - rows), min(champion, challenger) + 1):
        one_alone, other_alone = champion - both_positive, challenger - both_positive
        totals = (rows - both_positive - one_alone - other_alone, other_alone, one_alone, both_positive)
        for split in product(*(compositions(total, 2) for total in totals)):
            counts = np.zeros((3, 3, 3, 3, 1), dtype=int)
            counts[:2, 1, :2, :2, 0] = np.array(split).T.reshape(2, 2, 2)
            yield JointTable(counts)


@cache
def result_of(cells):
    """One run with a single metric; cells of facet a and d by decision."""
    counts = np.zeros((3, 3, 3, 1), dtype=int)
    counts[:2, 1, :2, 0] = np.array(cells).reshape(2, 2)
    table = ContingencyTable(counts, has_predictions=True)
    facet = evaluate(table, facet="sex", value_or_threshold="f", stage="post_training", methods=("DPPL",))
    section = BiasSection("post_training", "ok", "1", (facet,))
    data = DatasetDescription("data.csv", "csv", "d" * 64, table.rows, 3, 100)
    result = AnalysisResult("c" * 64, data, ValidationOutcome(0, (), ()), post_training=section)
    return RunResult(ComparedRun("runs/m", "e" * 64, "c" * 64, data), result)


def shown_of(table):
    champion, challenger = (
        result_of(tuple(table.of(run).counts[:2, 1, :2, 0].ravel().tolist())) for run in ("champion", "challenger")
    )
    held = held_back(champion.result, challenger.result, 3)
    rows, held = without_small_pairs(paired_rows(table), held)
    return suppressed_comparison(compare_results(champion, challenger, rows, Tolerances()), held)


def recovered(pages):
    """Cells of the joint table that have one value in all tables behind a page, and it is a small one."""
    found = []
    for tables in pages.values():
        cells = [table.counts[:2, 1, :2, :2, 0].ravel().tolist() for table in tables]
        values = [set(column) for column in zip(*cells, strict=True)]
        found += [one for one in values if len(one) == 1 and 0 < min(one) < 3]
    return found


@pytest.mark.parametrize(("champion", "challenger"), [(6, 6), (3, 6), (9, 5)])
def test_every_small_count_of_pairs_could_be_another_one(champion, challenger):
    """Equal comparisons are equal pages; a reader is given how many rows are positive for each run as well."""
    pages = defaultdict(list)
    for table in worlds(champion, challenger, rows=9):
        pages[shown_of(table)].append(table)

    assert len(pages) < sum(map(len, pages.values()))
    assert recovered(pages) == []


# --- what is written --------------------------------------------------------------------------------------------------


def test_the_document_holds_all_whoever_reads_the_page(run):
    table = joint(20)
    plain, masked = run(table, Presentation()), run(table, Presentation(mask_names=True))

    assert plain.found.shown is plain.found.comparison
    assert _without_folder(plain.files[".json"]) == _without_folder(masked.files[".json"])
    assert plain.files[".html"] != masked.files[".html"]


def _without_folder(document):
    return b"\n".join(line for line in document.splitlines() if b'"uri"' not in line)


def test_no_name_is_in_page_markdown_or_findings(run):
    one = run(joint(20), Presentation(mask_names=True), shares=0.02)
    said = (compared_text(one.found).partition("\n\nComparison:")[0], compared_json(one.found).partition('"find')[2])

    for content in (one.files[".html"].decode(), one.files[".md"].decode(), *said):
        assert "facet 1" in content
        assert [name for name in ("sex", "data.csv", one.folder) if name in content] == []


def test_a_withheld_group_keeps_its_verdict_on_the_page_and_in_the_exit_code(run):
    # the champion decides 5 of 25 rows of facet d positively, the challenger 20 of them
    counts = joint(20).counts.copy()
    counts[1] = 0
    counts[1, 1, :2, :2, 0] = [[5, 15], [0, 5]]
    one = run(JointTable(counts), by_metric=(("DPPL", 0.02),))
    metric = metrics_of(one.shown)["DPPL"]

    assert one.shown.groups[0].fewer_than == 10
    assert (metric.not_compared, metric.verdict) == (NotCompared.WITHHELD, metrics_of(one.full)["DPPL"].verdict)
    assert one.shown.verdict is one.full.verdict is not None
    assert b"Outside the range you allow" in one.files[".html"]


def test_values_that_are_shown_are_those_of_the_runs_own_shielded_reports(run):
    table = joint(5, gained=1)
    shown = metrics_of(run(table).shown)

    for side, name in (("champion", 0), ("challenger", 1)):
        own = shielded(both(table)[name].result, BELOW_10).post_training.facets[0]
        for metric in own.metrics:
            assert getattr(shown[metric.name], side) == metric.value, metric.name
