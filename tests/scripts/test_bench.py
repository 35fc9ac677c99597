"""Where scripts/bench decides something: whether a figure is reached, what a tool's output says, when a burden is
none."""

import pathlib
import re
import sys
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
from suite import load, programs, table  # noqa: E402, beside the command
from suite.cluster import owner_of, seconds_until_taken  # noqa: E402
from suite.burdens import burden, people, requests  # noqa: E402
from suite.rows import KINDS  # noqa: E402
from suite.rows.turns import in_turn  # noqa: E402
from suite.table import Row, at_least, at_most  # noqa: E402

WRK = """Running 2s test @ http://127.0.0.1:1/
  Latency     1.02ms  300.00us   9.10ms
  40961 requests in 2.00s, 5.12MB read
{bad}Requests/sec:  20480.50
Transfer/sec:      2.56MB
"""


NODES = """a1 127.0.0.1:1@11 master,fail - 0 0 1 disconnected 0-99
b2 127.0.0.1:2@12 myself,master - 0 0 7 connected 0-99 200
c3 127.0.0.1:3@13 master - 0 0 3 connected 100-199 [200->-b2]
d4 127.0.0.1:4@14 slave c3 0 0 3 connected
"""


class Cluster(unittest.TestCase):
    def test_the_owner_of_a_slot_is_a_primary_that_lives(self):
        owners = [owner_of(slot, NODES) for slot in (0, 99, 100, 199, 200, 201)]
        self.assertEqual(owners, ["b2", "b2", "c3", "c3", "b2", None])
        self.assertIsNone(owner_of(5, NODES.replace("myself,master", "slave")))

    def test_a_ballot_that_is_never_taken_ends_the_benchmarks(self):
        with self.assertRaises(SystemExit):
            seconds_until_taken(lambda: False, 0, patience=0)


class Rows(unittest.TestCase):
    def test_a_median_of_one_lucky_round_reaches_nothing(self):
        self.assertFalse(Row("", [1, 1, 9], at_least(2)).reached())
        self.assertTrue(Row("", [1, 2, 9], at_least(2)).reached())

    def test_a_bound_itself_is_reached(self):
        self.assertTrue(Row("", [100], at_most(100)).reached())
        self.assertFalse(Row("", [100.1], at_most(100)).reached())

    def test_a_ratio_is_that_of_the_medians(self):
        row = Row("", [30, 60, 90], at_least(0.5), "/s", [100, 120, 500])
        self.assertEqual(row.compared(), 0.5)
        self.assertTrue(row.reached())
        self.assertFalse(Row("", [59], at_least(0.5), "/s", [120]).reached())

    def test_a_voter_who_met_an_error_reaches_nothing(self):
        report = {"errors": {"503": 1}, "ballots": {"latency": {"p99_ms": 1.0}}}
        self.assertFalse(Row("", [load.latency_p99(report)], at_most(2), " ms", [5]).reached())
        self.assertEqual(load.latency_p99({**report, "errors": {}}), 1.0)

    def test_a_row_shows_reference_figure_ratio_and_goal(self):
        row = Row("ballots", [12_345.6], at_least(0.45), "/s", [20_000])
        self.assertEqual(row.markdown(), "| ballots | 20,000/s | 12,346/s | 0.62 × | at least 0.45 × | yes |")
        row = Row("start", [150.4], at_most(100), " ms")
        self.assertEqual(row.markdown(), "| start |  | 150 ms |  | at most 100 ms | **no** |")

    def test_every_row_has_as_many_cells_as_the_head(self):
        cells = [line.count("|") for line in [*table.HEAD, Row("x", [1], at_most(1)).markdown()]]
        self.assertEqual(len(set(cells)), 1)

    def test_a_table_takes_the_place_of_the_last_and_of_nothing_else(self):
        page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
        self.assertEqual(table.replaced(page, "new"), page.replace("old", "new"))
        with self.assertRaises(ValueError):
            table.replaced("a page without a place", "new")

    def test_the_page_has_a_place_for_the_table(self):
        page = (ROOT / "docs/performance.md").read_text()
        self.assertIn("| work |", table.replaced(page, table.HEAD[0]))

    def test_what_is_compared_is_measured_in_turn(self):
        asked = []
        run = unittest.mock.Mock(rounds=2)
        samples = in_turn(run, "x", ["few", "many"], lambda stack, number: asked.append(stack) or (stack, number))
        self.assertEqual(asked, ["few", "many", "few", "many"])
        self.assertEqual(samples, [[("few", 0), ("few", 1)], [("many", 0), ("many", 1)]])


class Readings(unittest.TestCase):
    def test_wrk_says_how_many_were_answered_and_what_went_wrong(self):
        self.assertEqual(load.read_wrk(WRK.format(bad="")), (40961, 20480.5, None))
        bad = "Non-2xx or 3xx responses: 7"
        self.assertEqual(load.read_wrk(WRK.format(bad=f"  {bad}\n")), (40961, 20480.5, bad))

    def test_processor_time_has_that_of_children_that_have_ended(self):
        stat = "1 (a (b) c) S 0 1 1 0 -1 4194560 1 2 3 4 100 20 3 7 20 0 1 0 5 6 7"
        self.assertEqual(programs.read_processor_seconds(stat), 130 / programs.TICKS)

    def test_the_p99_is_in_milliseconds_whatever_wrk_prints(self):
        for printed, read in (("912.00us", 0.912), ("21.40ms", 21.4), ("1.20s", 1_200)):
            self.assertAlmostEqual(load.read_p99(f"     90%    1.00ms\n     99%   {printed}\n"), read)

    def test_a_metric_is_the_sum_over_its_labels_and_of_no_other(self):
        page = '# HELP a_total x\na_total{p="0"} 2\na_total{p="1"} 3\na_total_more 50\nb 7\n'
        self.assertEqual(programs.sum_of_metric(page, "a_total"), 5)
        self.assertEqual(programs.sum_of_metric(page, "b"), 7)
        self.assertEqual(programs.sum_of_metric(page, "c"), 0)

    def test_fewer_accepted_than_acknowledged_ends_the_benchmarks(self):
        pages = iter([b'{"accepted": 10}', b'{"accepted": 19}'])
        with (
            unittest.mock.patch.object(load, "get", lambda _: next(pages)),
            unittest.mock.patch.object(load, "posts", lambda *_: (10, 5.0)),
            self.assertRaisesRegex(SystemExit, "10 ballots were acknowledged and 9 accepted"),
        ):
            load.ballots_per_second("http://vote", 64, 1)

    def test_memory_is_read_from_the_system(self):
        self.assertEqual(programs.resident_bytes("Name:\tvote\nVmRSS:\t   24 kB\n"), 24 * 1024)
        sockets = "sockets: used 5\nTCP: inuse 3 orphan 0 tw 0 alloc 4 mem 2\nUDP: inuse 1 mem 9\n"
        self.assertEqual(people.tcp_bytes(sockets), 8192)

    def test_waiting_in_vain_ends_the_benchmarks(self):
        with self.assertRaisesRegex(SystemExit, "waited 0 s in vain for a door"):
            programs.until("a door", lambda: True, patience=0)
        self.assertEqual(programs.until("a door", lambda: "open"), "open")


class Burdens(unittest.TestCase):
    def test_a_flood_makes_up_for_what_is_late_and_not_for_all_at_once(self):
        self.assertEqual(requests.due(1.0, 2_000, 1_960, 4), 10)
        self.assertEqual(requests.due(1.0, 2_000, 2_500, 4), 0)
        self.assertEqual(requests.due(60.0, 2_000, 0, 4), 250)

    def test_a_burden_goes_on_until_the_end(self):
        steps = []
        with burden.going_on(lambda stop, met: met.update(["a step"]) or steps.append(1) or stop.wait(0), ["a step"]):
            self.assertTrue(steps)
            seen = len(steps)
            programs.until("another step", lambda: len(steps) > seen, every=0.001)

    def test_a_burden_that_breaks_off_ends_the_benchmarks(self):
        def step(_stop, met):
            met["a step"] += 1
            raise ConnectionError("gone")

        with self.assertRaisesRegex(SystemExit, "broke off.*gone"), burden.going_on(step, ["a step"]):
            pass

    def test_a_burden_that_is_none_ends_the_benchmarks(self):
        with (
            unittest.mock.patch.object(burden, "PATIENCE", 0.05),
            self.assertRaisesRegex(SystemExit, "never met"),
            burden.going_on(lambda stop, _: stop.wait(0.01), ["a refusal"]),
        ):
            self.fail("it did not begin")

    def test_those_who_are_not_let_in_are_counted(self):
        def ask(number):
            if number % 2:
                raise ConnectionError
            return True

        with unittest.mock.patch.object(people, "RIGHT_ONE_PAUSE", 0):
            self.assertEqual(people.let_in(ask), people.RIGHT_ONES // 2)


class Rooms(unittest.TestCase):
    def test_no_module_imports_upwards(self):
        order = ["table", "programs", "servers", "cluster", "load", "burdens", "rows"]
        for file in (ROOT / "bench/suite").rglob("*.py"):
            room = file.relative_to(ROOT / "bench/suite").parts[0].removesuffix(".py")
            for name in re.findall(r"^from suite(?:\.(\w+)[\w.]*)? import (\w+)", file.read_text(), re.MULTILINE):
                imported = name[0] or name[1]
                with self.subTest(file=file.name, imported=imported):
                    self.assertLessEqual(order.index(imported), order.index(room))

    def test_the_command_says_which_kinds_there_are(self):
        text = (ROOT / "scripts/bench").read_text()
        (kinds,) = re.findall(r"only one: (.*)", text)
        self.assertEqual(kinds.split(", "), list(KINDS))


if __name__ == "__main__":
    unittest.main()
