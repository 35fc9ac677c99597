"""The alerts, played by Prometheus' own promtool: which of them fire on which evening, and when they stop."""

import contextlib
import pathlib
import subprocess
import tempfile
import unittest

import yaml

import manifests
from manifests import named, of_kind, overlay, plain

# Half an hour, scraped and evaluated every fifteen seconds. Where something goes wrong, it does after two minutes.
STEPS, BEFORE = 120, 8
MIB = 2**20


def rises(by, start=0):
    return f"{start}+{by}x{STEPS}"


def stays(value):
    return f"{value}x{STEPS}"


def then(before, after):
    """A series that is `before` for two minutes, then `after`; `_` is none."""
    return f"{before}x{BEFORE - 1} {after}x{STEPS - BEFORE}"


def up(service):
    return f'up{{namespace="scrutin", job="{service}"}}'


def ready(service):
    return f'kube_deployment_status_replicas_available{{namespace="scrutin", deployment="{service}"}}'


def answered(status):
    return f'scrutin_http_requests_total{{job="vote", method="POST", route="/", status="{status}"}}'


def faster_than(seconds):
    return f'scrutin_http_request_duration_seconds_bucket{{job="vote", method="POST", le="{seconds}"}}'


def refused(reason):
    return f'scrutin_result_refused_total{{job="result", reason="{reason}"}}'


def of_worker(metric, pod="a"):
    return f'scrutin_worker_{metric}{{job="worker", pod="{pod}", partition="0"}}'


def durability(state, service="vote"):
    return f'scrutin_log_durability{{job="{service}", pod="a", state="{state}"}}'


HEARTBEAT_AGE = 'scrutin_result_heartbeat_age_seconds{job="result", pod="a"}'
WRONG_INSTALLATION = 'scrutin_installation_refused{job="worker", pod="a", partition="0"}'
PUBLIC_KEYS = 'scrutin_public_keys{job="vote", pod="a"}'
MEMORY = 'container_memory_rss{namespace="scrutin", container="redis", pod="redis-0"}'
FREE = 'kubelet_volume_stats_available_bytes{namespace="scrutin", persistentvolumeclaim="data-redis-0"}'
SIZE = 'kubelet_volume_stats_capacity_bytes{namespace="scrutin", persistentvolumeclaim="data-redis-0"}'

QUIET = {
    **{up(service): stays(1) for service in manifests.OURS},
    **{ready(service): stays(2) for service in manifests.OURS},
    answered(303): rises(150),
    **{faster_than(seconds): rises(150) for seconds in ["0.1", "1", "+Inf"]},
    of_worker("leads"): stays(1),
    of_worker("leads", "b"): stays(0),
    of_worker("lag_seconds"): stays(0.1),
    **{of_worker(f"{what}_total"): stays(0) for what in ["log_failures", "logs_lost", "gaps", "rejected"]},
    of_worker("logs_begun_total"): stays(1),
    refused("origin"): rises(1),
    durability("disk"): stays(1),
    **{durability(state): stays(0) for state in ["refused", "unseen", "unchecked"]},
    HEARTBEAT_AGE: stays(1),
    WRONG_INSTALLATION: stays(0),
    PUBLIC_KEYS: stays(0),
    MEMORY: stays(100 * MIB),
    FREE: stays(3),
    SIZE: stays(4),
}

# evening → (what is other than on a quiet one (None: nothing at all), minute → which alerts fire then).
EVENINGS = {
    "a quiet one": ({}, {5: [], 29: []}),
    "Redis goes away, vote leaves its Service, and nobody asks it any more": (
        {
            answered(303): f"0+150x{BEFORE} {BEFORE * 150}x{STEPS}",
            answered(503): f"0x{BEFORE} 20 40x{STEPS}",
            of_worker("log_failures_total"): f"0x{BEFORE} 7+7x{STEPS}",
            ready("vote"): then(2, 0),
        },
        {10: ["ScrutinLogIsAway", "ScrutinVoteIsAway"], 29: ["ScrutinLogIsAway", "ScrutinVoteIsAway"]},
    ),
    "Redis goes away, and the cluster tells nothing of its pods": (
        {
            answered(303): f"0+150x{BEFORE} {BEFORE * 150}x{STEPS}",
            of_worker("log_failures_total"): f"0x{BEFORE} 7+7x{STEPS}",
            ready("vote"): None,
        },
        {10: ["ScrutinLogIsAway"], 29: ["ScrutinLogIsAway"]},
    ),
    "Redis is missed once": (
        {of_worker("log_failures_total"): then(0, 1)},
        {minute / 4: [] for minute in range(8, 20)},
    ),
    "one ballot in sixteen is refused": ({answered(503): rises(10)}, {10: ["ScrutinBallotsRefused"]}),
    "vote is gone": ({up("vote"): then(1, 0), answered(303): f"0+150x{BEFORE}"}, {10: ["ScrutinVoteIsAway"]}),
    "vote was never there": ({up("vote"): None, ready("vote"): None, answered(303): None}, {10: ["ScrutinVoteIsAway"]}),
    "one replica of vote is gone": ({'up{namespace="scrutin", job="vote", pod="b"}': then(1, 0)}, {10: []}),
    "result is gone": ({up("result"): then(1, 0)}, {10: ["ScrutinResultIsAway"]}),
    "result is not ready": ({ready("result"): then(2, 0)}, {10: ["ScrutinResultIsAway"]}),
    "nobody leads": ({of_worker("leads"): then(1, 0)}, {10: ["ScrutinNobodyCounts"]}),
    "no worker is there": ({of_worker("leads"): None, of_worker("leads", "b"): None}, {10: ["ScrutinNobodyCounts"]}),
    "another worker takes over": (
        {of_worker("leads"): then(1, 0), of_worker("leads", "b"): then(0, 1)},
        {3: [], 10: []},
    ),
    "the count is behind": ({of_worker("lag_seconds"): then(0.1, 60)}, {10: ["ScrutinCountIsBehind"]}),
    "a worker attaches to another log before it is first asked": (
        {of_worker("logs_lost_total", "c"): then("_", 1)},
        {5: ["ScrutinLogLost"], 29: ["ScrutinLogLost"]},
    ),
    "a worker finds a gap before it is first asked": (
        {of_worker("gaps_total", "c"): then("_", 1)},
        {5: ["ScrutinGap"], 29: ["ScrutinGap"]},
    ),
    "entries are rejected": ({of_worker("rejected_total"): then(0, 3)}, {5: ["ScrutinEntriesRejected"], 29: []}),
    "entries are rejected before the worker is first asked": (
        {of_worker("rejected_total", "c"): then("_", 3)},
        {5: ["ScrutinEntriesRejected"], 29: []},
    ),
    "a screen's scores are old": ({HEARTBEAT_AGE: then(1, 60)}, {10: ["ScrutinScoresStandStill"]}),
    "the scores are late while another worker takes over": (
        {HEARTBEAT_AGE: f"1x{BEFORE - 1} 12 14 16 1x{STEPS}"},
        {3: [], 10: []},
    ),
    "Redis loses a setting": (
        {durability("disk"): then(1, 0), durability("refused"): then(0, 1)},
        {10: ["ScrutinDurabilityRefused"]},
    ),
    "Redis hides its settings": (
        {durability("disk"): then(1, 0), durability("unseen"): then(0, 1)},
        {10: ["ScrutinDurabilityUnknown"]},
    ),
    "durability is not checked": (
        {durability("disk"): stays(0), durability("unchecked"): stays(1)},
        {10: ["ScrutinDurabilityUnknown"]},
    ),
    "a worker of another installation": ({WRONG_INSTALLATION: stays(1)}, {10: ["ScrutinInstallationRefused"]}),
    "a demonstration's keys": ({PUBLIC_KEYS: stays(1)}, {10: ["ScrutinPublicKeys"]}),
    "every third ballot is slow": ({faster_than("0.1"): rises(100)}, {12: ["ScrutinVotingIsSlow"]}),
    "result is full": ({refused("full"): f"_x{BEFORE} 1+1x{STEPS}"}, {12: ["ScrutinScreensRefused"]}),
    "the log grows": ({MEMORY: then(100 * MIB, 600 * MIB)}, {12: ["ScrutinRedisIsFilling"]}),
    "a disk fills": ({FREE: then(3, 0.5)}, {12: ["ScrutinDiskIsFilling"]}),
}


def groups():
    return of_kind(overlay("observability"), "PrometheusRule")[0]["spec"]["groups"]


@contextlib.contextmanager
def written(**files):
    with tempfile.TemporaryDirectory() as directory:
        for name, document in files.items():
            (pathlib.Path(directory) / f"{name}.yaml").write_text(yaml.safe_dump(document, allow_unicode=True))
        yield directory


def promtool(*arguments, directory):
    done = subprocess.run(["promtool", *arguments], cwd=directory, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


class Alerts(unittest.TestCase):
    def test_the_rules_are_sound(self):
        with written(rules={"groups": groups()}) as directory:
            code, said = promtool("check", "rules", "rules.yaml", directory=directory)
        self.assertEqual(code, 0, said)

    def test_the_expressions_of_the_dashboard_are_sound(self):
        panels = manifests.dashboard()["panels"]
        expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]
        self.assertGreaterEqual(len(expressions), 20)
        rules = [{"record": f"panel:expression:{number}", "expr": text} for number, text in enumerate(expressions)]
        with written(rules={"groups": [{"name": "dashboard", "rules": rules}]}) as directory:
            code, said = promtool("check", "rules", "--lint=none", "rules.yaml", directory=directory)
        self.assertEqual(code, 0, said)

    def test_each_evening_wakes_whom_it_should(self):
        for evening, (changed, expected) in EVENINGS.items():
            with self.subTest(evening=evening):
                series = {name: values for name, values in {**QUIET, **changed}.items() if values is not None}
                tests = [self.which_fire(minute, alerts) for minute, alerts in expected.items()]
                story = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": [{
                    "interval": "15s",
                    "input_series": [{"series": name, "values": values} for name, values in series.items()],
                    "promql_expr_test": tests,
                }]}
                with written(rules={"groups": groups()}, story=story) as directory:
                    code, said = promtool("test", "rules", "story.yaml", directory=directory)
                self.assertEqual(code, 0, said)

    @staticmethod
    def which_fire(minute, alerts):
        return {
            "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
            "eval_time": f"{int(minute * 60)}s",
            "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts],
        }

    def test_every_alert_is_seen_to_fire(self):
        seen = {alert for _, expected in EVENINGS.values() for alerts in expected.values() for alert in alerts}
        self.assertEqual({rule["alert"] for group in groups() for rule in group["rules"]}, seen)

    def test_the_alert_on_the_memory_of_redis_knows_how_much_that_is(self):
        config = named(plain(), "ConfigMap", "redis")["data"]["redis.conf"]
        (expression,) = [
            rule["expr"] for group in groups() for rule in group["rules"] if rule["alert"] == "ScrutinRedisIsFilling"
        ]
        (limit,) = [line.split()[1] for line in config.splitlines() if line.startswith("maxmemory ")]
        self.assertTrue(expression.endswith(f"> 0.8 * {limit.removesuffix('mb')} * 2^20"), expression)


if __name__ == "__main__":
    unittest.main()
