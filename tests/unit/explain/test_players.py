"""Players, null players and the seats of columns."""

import numpy as np
import pytest

from clarify.errors import ConfigError
from clarify.explain.players import Players, live_players, seats

NAN = np.nan


def test_columns_outside_every_group_are_players_of_their_own():
    players = Players.grouped([(4, 1), (2,)], n_columns=5)

    assert players.columns == ((0,), (1, 4), (2,), (3,))


@pytest.mark.parametrize("columns", [((0,), (0, 1)), ((0,), (2,)), ((0,), ())])
def test_players_must_hold_every_column_exactly_once(columns):
    with pytest.raises(ConfigError, match=r"methods.shap.players: received .*SHAP-PLAYERS"):
        Players(columns)


def test_a_player_is_null_only_if_it_equals_every_baseline_row():
    baseline = np.array([[1.0, 5.0, NAN], [1.0, 6.0, NAN]])
    rows = np.array([[1.0, 5.0, NAN], [2.0, 6.0, 0.0]])

    live = live_players(rows, baseline, Players.single(3))

    assert live.tolist() == [[False, True, False], [True, True, True]]


def test_a_group_is_live_if_one_of_its_columns_is():
    baseline = np.zeros((1, 3))
    rows = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [7.0, 0.0, 0.0]])

    live = live_players(rows, baseline, Players(((0,), (1, 2))))

    assert live.tolist() == [[False, True], [False, False], [True, False]]


def test_seats_number_the_live_players_and_put_null_columns_behind_them():
    live = np.array([[True, False, True], [False, True, True]])

    assert seats(live, Players(((0, 3), (1,), (2,)))).tolist() == [[0, 2, 1, 0], [2, 0, 1, 2]]
