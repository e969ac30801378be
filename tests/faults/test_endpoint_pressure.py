"""What an endpoint does when a server is slow, busy or bounded: it asks for less, later, and loses no row."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from clarify.endpoints.base import EndpointSpec
from clarify.endpoints.exchange import Received, retry_after_seconds, says_too_large
from clarify.endpoints.http import HttpEndpoint
from clarify.endpoints.in_flight import Window, in_order
from clarify.endpoints.quarantine import predict_or_quarantine
from clarify.errors import BadPrediction, EndpointUnavailable
from clarify.features import FeatureColumn, Features

Reply = tuple[int, dict[str, str], list[float]]


def features(n_rows: int) -> Features:
    return Features((FeatureColumn("a", "float"),), np.arange(float(n_rows))[:, None])


@dataclass
class Container:
    """A CSV container that answers each row with itself, but for what ``rule`` says of a request."""

    rule: Callable[[list[float], Container], Reply | None]
    at_once: int = 0
    most_at_once: int = 0
    requests: list[tuple[float, int]] = field(default_factory=list)         # when, how many rows
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def answer(self, rows: list[float]) -> Reply:
        with self.lock:
            self.requests.append((time.monotonic(), len(rows)))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self.rule(rows, self) or (200, {}, rows)
        finally:
            with self.lock:
                self.at_once -= 1


def handler_of(container: Container) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            rows = [float(line) for line in self.rfile.read(int(self.headers["Content-Length"])).split()]
            status, headers, values = container.answer(rows)
            body = "\n".join(map(repr, values)).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "text/csv", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Keep the test's output clean."""

    return Handler


@pytest.fixture
def container() -> Iterator[Callable[..., Container]]:
    servers = []

    def start(rule: Callable[[list[float], Container], Reply | None]) -> Container:
        made = Container(rule)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(made))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        made.url = f"http://127.0.0.1:{server.server_port}/models/echo/invocations"
        return made

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(made: Container, n_rows: int, **choices: object) -> np.ndarray:
    with HttpEndpoint(EndpointSpec(url=made.url, **choices)) as endpoint:
        return endpoint.predict(features(n_rows)).scores[:, 0]


# --- requests in flight -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 4])
def test_no_more_requests_are_in_flight_than_allowed_and_the_answers_keep_their_order(container, most):
    def uneven(rows: list[float], made: Container) -> None:
        time.sleep(0.03 if int(rows[0]) % 300 else 0.1)                    # late ones between quick ones

    made = container(uneven)

    got = ask(made, 2000, rows_per_request=100, max_in_flight=most)

    np.testing.assert_array_equal(got, np.arange(2000.0))
    assert made.most_at_once == most


def test_a_busy_server_is_asked_for_less_at_once_until_it_bears_it(container):
    def one_at_a_time(rows: list[float], made: Container) -> Reply | None:
        if made.at_once > 1:
            return 429, {}, []
        time.sleep(0.01)
        return None

    made = container(one_at_a_time)

    got = ask(made, 6400, rows_per_request=100, max_in_flight=8)

    np.testing.assert_array_equal(got, np.arange(6400.0))
    refused = len(made.requests) - 64
    assert refused <= 8 + 2 * 64 // 8                                      # the first burst, then one try in eight


def test_all_threads_leave_a_server_alone_for_the_time_it_names(container):
    told: list[float] = []

    def busy_once(rows: list[float], made: Container) -> Reply | None:
        if not told and rows[0] >= 500:
            told.append(time.monotonic())
            return 503, {"Retry-After": "1"}, []
        return None

    made = container(busy_once)

    got = ask(made, 2000, rows_per_request=100, max_in_flight=2)

    np.testing.assert_array_equal(got, np.arange(2000.0))
    # One request may have been on its way when the server spoke.
    assert len([sent for sent, _ in made.requests if told[0] + 0.05 < sent < told[0] + 0.95]) == 0


def test_an_error_stops_what_was_not_sent_yet(container):
    made = container(lambda rows, _: (415, {}, []) if rows[0] == 0 else time.sleep(0.02))

    with pytest.raises(BadPrediction, match="received 415"):
        ask(made, 100_000, rows_per_request=100, max_in_flight=2)

    assert len(made.requests) < 20


def test_a_request_that_waits_for_a_busy_server_gives_up_when_another_has_failed(container):
    def busy_but_for_the_first(rows: list[float], made: Container) -> Reply:
        if rows[0] > 0:
            return 503, {}, []
        time.sleep(0.3)
        return 415, {}, []

    made = container(busy_but_for_the_first)
    began = time.monotonic()

    with pytest.raises(BadPrediction, match="received 415"):
        ask(made, 200, rows_per_request=100, max_in_flight=2, unavailable_seconds=20)

    assert time.monotonic() - began < 5                                    # closing waits for the threads


# --- busy, by the window alone ----------------------------------------------------------------------------------------


def test_a_window_halves_once_for_a_burst_of_busy_answers_and_grows_by_one_after_eight():
    window = Window(8)
    sent_at = time.monotonic()

    for _ in range(8):
        window.busy(sent_at, 0.0)
    after_the_burst = window.limit
    window.busy(time.monotonic(), 0.0)
    after_another = window.limit
    for _ in range(8):
        window.answered()

    assert (after_the_burst, after_another, window.limit) == (4, 2, 3)


def test_a_window_never_closes_and_never_passes_its_most():
    window = Window(2)

    for _ in range(5):
        window.busy(time.monotonic(), 0.0)
    closed_to = window.limit
    for _ in range(100):
        window.answered()

    assert (closed_to, window.limit) == (1, 2)


def test_items_are_drawn_only_when_there_is_room_for_their_results():
    drawn: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            drawn.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = in_order(lambda item: item * item, items(), pool, most_ahead=4)
        first = next(results)

        assert (first, len(drawn)) == (0, 4)
        assert list(results) == [item * item for item in range(1, 100)]


# --- Retry-After ------------------------------------------------------------------------------------------------------


def received(status: int = 503, body: bytes = b"", **headers: str) -> Received:
    return Received(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_a_date_in_retry_after_is_read_against_the_servers_own_clock():
    an_hour_slow = time.time() - 3600

    got = retry_after_seconds(received(retry_after=formatdate(an_hour_slow + 7, usegmt=True),
                                       date=formatdate(an_hour_slow, usegmt=True)))

    assert got == 7.0


def test_a_date_without_the_servers_clock_is_read_against_ours():
    got = retry_after_seconds(received(retry_after=formatdate(time.time() + 60, usegmt=True)))

    assert 58.0 <= got <= 60.0


@pytest.mark.parametrize("said", ["", "soon", "-5", "nan", "inf", "Wed, 21 Oct 2015 07:28:00 GMT", "31 Feb 99999"])
def test_a_retry_after_that_says_nothing_leaves_our_own_schedule(said):
    assert retry_after_seconds(received(retry_after=said)) == 0.0


def test_a_date_in_retry_after_is_waited_for(container):
    def busy_once(rows: list[float], made: Container) -> Reply | None:
        if len(made.requests) > 1:
            return None
        return 429, {"Retry-After": formatdate(time.time() + 2, usegmt=True)}, []    # whole seconds: at least one

    made = container(busy_once)

    ask(made, 100)

    assert made.requests[1][0] - made.requests[0][0] >= 0.9


def test_a_server_that_wants_to_be_left_alone_for_longer_than_we_wait_is_unavailable_at_once(container):
    made = container(lambda rows, _: (429, {"Retry-After": "3600"}, []))
    began = time.monotonic()

    with pytest.raises(EndpointUnavailable, match=r"status 429, to be asked again in 3600 s"):
        ask(made, 100, unavailable_seconds=5)

    assert time.monotonic() - began < 4
    assert len(made.requests) == 1


# --- too large, too slow ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "too_large"),
    [
        (413, b"", True), (400, b'{"error":"Request Entity Too Large"}', True),
        (400, b"inference request batch-size must be <= 8 for 'loans'", True),
        (500, b"Payload size exceeded", True),
        (500, b"Input X contains infinity or a value too large for dtype('float64').", False),
        (400, b"request refused", False), (404, b"entity too large", False),
    ],
)
def test_a_size_is_told_from_a_row(status, body, too_large):
    assert says_too_large(received(status, body)) is too_large


def test_a_model_that_is_too_slow_for_its_time_is_asked_for_fewer_rows(container):
    made = container(lambda rows, _: time.sleep(min(0.0005 * len(rows), 0.8)))

    got = ask(made, 4096, timeout_seconds=0.4, max_in_flight=1)

    np.testing.assert_array_equal(got, np.arange(4096.0))
    # All 4,096 in vain, a probe of 64, then never more than half; 2,048 and 1,024 rows are too slow as well.
    assert [rows for _, rows in made.requests[:2]] == [4096, 64]
    assert max(rows for _, rows in made.requests[2:]) <= 2048


def test_a_server_that_hangs_is_found_after_one_probe(container):
    made = container(lambda rows, _: time.sleep(2.0))
    began = time.monotonic()

    with pytest.raises(EndpointUnavailable, match="ReadTimeout"):
        ask(made, 4096, timeout_seconds=0.3, unavailable_seconds=0.3)

    assert time.monotonic() - began < 1.5
    assert [rows for _, rows in made.requests] == [4096, 64]


def test_a_bounded_server_and_a_poison_row_together_lose_one_row(container):
    def bounded(rows: list[float], made: Container) -> Reply | None:
        if len(rows) > 700:
            return 413, {}, []
        return (422, {}, []) if 1234.0 in rows else None

    made = container(bounded)
    with HttpEndpoint(EndpointSpec(url=made.url)) as endpoint:
        got = predict_or_quarantine(endpoint, features(5000), most_failures=1)

    expected = np.where(np.arange(5000) == 1234, np.nan, np.arange(5000.0))
    np.testing.assert_array_equal(got.predictions.scores[:, 0], expected)
    assert [failure.row for failure in got.failures] == [1234]


def test_a_passing_upset_while_halving_costs_no_row(container):
    upsets: list[int] = []

    def upset(rows: list[float], made: Container) -> Reply | None:
        if 77.0 in rows:
            return 500, {}, []
        if len(upsets) < 2 and 0.0 in rows and len(rows) < 512:
            upsets.append(len(rows))
            return 500, {}, []
        return None

    made = container(upset)
    with HttpEndpoint(EndpointSpec(url=made.url)) as endpoint:
        got = predict_or_quarantine(endpoint, features(512), most_failures=1)

    assert upsets
    assert [failure.row for failure in got.failures] == [77]
