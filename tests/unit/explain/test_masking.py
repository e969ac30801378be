"""Synthetic rows are exact to the bit."""

import numpy as np

from clarify.explain.coalitions import design_coalitions
from clarify.explain.masking import mask_pairs, selection_table
from clarify.explain.players import Players, live_players, seats


def masked(rows, baseline, players, design):
    live = live_players(rows, baseline, players)
    out = np.empty((2 * design.n_pairs * len(rows) * len(baseline), rows.shape[1]))
    mask_pairs(selection_table(design), rows, baseline, seats(live, players), out)
    return out.reshape(2, design.n_pairs, len(rows), len(baseline), rows.shape[1])


def chosen_by_hand(rows, baseline, players, design):
    live = live_players(rows, baseline, players)
    shape = (2, design.n_pairs, len(rows), len(baseline), rows.shape[1])
    out = np.empty(shape)
    for half, pair, row, reference in np.ndindex(shape[:4]):
        out[half, pair, row, reference] = baseline[reference]
        for seat, player in enumerate(np.flatnonzero(live[row])):
            if design.members[pair, seat] != bool(half):
                columns = list(players.columns[player])
                out[half, pair, row, reference, columns] = rows[row, columns]
    return out


def test_masked_rows_take_members_from_the_row_and_the_rest_from_the_baseline():
    rng = np.random.default_rng(0)
    baseline = rng.normal(size=(3, 7))
    rows = rng.normal(size=(4, 7))
    players = Players(((0,), (1, 5), (2,), (3, 4, 6)))
    design = design_coalitions(4, 10, 0)

    assert np.array_equal(
        masked(rows, baseline, players, design), chosen_by_hand(rows, baseline, players, design)
    )


def test_rows_with_different_null_players_share_one_design():
    baseline = np.zeros((1, 5))
    rows = np.array([[0.0, 1, 2, 0, 3], [4.0, 0, 5, 6, 0]])
    players = Players.single(5)
    design = design_coalitions(3, 6, 0)

    assert np.array_equal(
        masked(rows, baseline, players, design), chosen_by_hand(rows, baseline, players, design)
    )


def test_missing_values_infinities_and_large_codes_survive_bit_by_bit():
    baseline = np.array([[np.nan, 1.0, np.inf, 2.0**52 + 1, 5e-324]])
    rows = np.array([[3.5, np.nan, -np.inf, 2.0**52 + 2, 1.0]])
    players = Players.single(5)
    design = design_coalitions(5, 12, 0)

    expected = chosen_by_hand(rows, baseline, players, design)
    assert masked(rows, baseline, players, design).tobytes() == expected.tobytes()


def test_a_column_of_a_null_player_keeps_the_value_of_the_baseline():
    baseline = np.array([[0.0, 1.0, 2.0]])
    rows = np.array([[-0.0, 5.0, 6.0]])    # -0.0 equals 0.0: a null player

    synthetic = masked(rows, baseline, Players.single(3), design_coalitions(2, 2, 0))

    assert not np.signbit(synthetic[..., 0]).any()
