#!/usr/bin/env python3
"""Writes deploy/grafana/dashboards/*.json: the dashboards as code.

    deploy/grafana/dashboards.py            write them
    deploy/grafana/dashboards.py --check    say which are not as written here; exit code 1 if any

A dashboard is a list of rows, a row a title and its panels, which share the width evenly. No label
whose values grow with use (services but those with a bounce rate, recipients, ids) is in a metric.
"""

import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24


def graph(title, *queries, unit="short", stacked=False, about=""):
    """Lines over time; each query is (PromQL, legend)."""
    return {
        "type": "timeseries",
        "title": title,
        "description": about,
        "targets": targets(queries),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "min": 0,
                "custom": {
                    "fillOpacity": 25 if stacked else 8,
                    "lineWidth": 1,
                    "showPoints": "never",
                    "stacking": {"mode": "normal" if stacked else "none"},
                },
            },
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def number(title, query, unit="short", warn=None, bad=None, good_from=None, about=""):
    """The latest value, green until it reaches `warn` or `bad`; or red until it reaches `good_from`."""
    if good_from is not None:
        steps = [(None, "red"), (good_from, "green")]
    else:
        steps = [(None, "green")] + [(at, colour) for at, colour in ((warn, "orange"), (bad, "red")) if at is not None]
    return {
        "type": "stat",
        "title": title,
        "description": about,
        "targets": targets([(query, "")]),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "thresholds": {"mode": "absolute", "steps": [{"value": at, "color": colour} for at, colour in steps]},
            },
            "overrides": [],
        },
        "options": {"colorMode": "background", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"]}},
    }


def text(content):
    return {"type": "text", "title": "", "options": {"mode": "markdown", "content": content}}


def targets(queries):
    return [
        {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": query, "legendFormat": legend}
        for n, (query, legend) in enumerate(queries)
    ]


def rate(metric, by="", where=""):
    """Per second, added up over all processes."""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({metric}{{{where}}}[$__rate_interval]))" if where else f"sum{grouped} (rate({metric}[$__rate_interval]))"


def quantile(q, metric, by=""):
    """A quantile of a histogram over all processes."""
    grouped = f"{by}, le" if by else "le"
    return f"histogram_quantile({q}, sum by ({grouped}) (rate({metric}_bucket[$__rate_interval])))"


def quantiles(metric):
    return [(quantile(q, metric), f"p{round(q * 100)}") for q in (0.5, 0.95, 0.99)]


def shared(metric, by=""):
    """Every poller exports the same number of what PostgreSQL holds, so the largest is taken."""
    return f"max by ({by}) ({metric})" if by else f"max({metric})"


DASHBOARDS = {}


def dashboard(name, title, about, *rows):
    panels, y, panel_id = [], 0, 0
    for row_title, height, content in rows:
        panel_id += 1
        panels.append({"id": panel_id, "type": "row", "title": row_title, "collapsed": False, "panels": [],
                       "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y}})
        y += 1
        width = WIDTH // len(content)
        for n, panel in enumerate(content):
            panel_id += 1
            place = {"h": height, "w": width, "x": n * width, "y": y}
            source = {} if panel["type"] == "text" else {"datasource": SOURCE}
            panels.append({"id": panel_id, "gridPos": place, **source, **panel})
        y += height
    DASHBOARDS[name] = {
        "uid": f"carillon-{name}",
        "title": f"Carillon: {title}",
        "description": about,
        "tags": ["carillon"],
        "schemaVersion": 39,
        "editable": False,
        "timezone": "browser",
        "time": {"from": "now-3h", "to": "now"},
        "refresh": "30s",
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus",
                      "current": {"text": "Prometheus", "value": "carillon-prometheus"}}]
        },
        "links": [{"type": "dashboards", "title": "Carillon", "tags": ["carillon"], "asDropdown": True,
                   "includeVars": True, "keepTime": True}],
        "panels": panels,
    }


dashboard(
    "overview", "overview",
    "The golden signals. Is anything refused, late, failing, full, or lost?",
    ("Now", 4, [
        number("Missing", shared("carillon_ledger_missing"), bad=1, about="Accepted within 24 hours and nowhere. Runbook: messages-missing."),
        number("Refused with 503", rate("carillon_not_accepted_total") + " or vector(0)", unit="cps", bad=0.001, about="Neither the broker nor PostgreSQL took them. Runbook: accept-errors."),
        number("Oldest priority message", shared('carillon_on_its_way_oldest_seconds{queue="priority"}'), unit="s", warn=10, bad=30),
        number("Most overdue", shared("carillon_waiting_overdue_seconds"), unit="s", warn=10, bad=60, about="Of what waits in PostgreSQL. Runbook: relay-late."),
        number("API with the broker", "min(carillon_broker_connected)", good_from=1, about="0: at least one process of the API accepts into PostgreSQL alone."),
        number("Providers paused", "sum(max by (provider) (carillon_provider_paused)) or vector(0)", warn=1),
    ]),
    ("Traffic", 8, [
        graph("Accepted", (rate("carillon_accepted_total", "way"), "{{way}}"), (rate("carillon_not_accepted_total"), "503"), unit="cps", stacked=True,
              about="By way: the broker confirmed; PostgreSQL took it because the broker did not; or an Idempotency-Key led there."),
        graph("Through the house", (rate("carillon_accepted_total"), "accepted"), (rate("carillon_saved_total"), "saved"),
              (rate("carillon_provider_calls_total"), "provider calls"), (rate("carillon_receipts_total"), "receipts"),
              (rate("carillon_service_calls_total"), "calls to services"), unit="cps", about="Each line follows the one before it."),
    ]),
    ("Errors", 8, [
        graph("Refused, as a part of all", ("carillon:not_accepted:ratio5m", "5 minutes"), ("carillon:not_accepted:ratio1h", "1 hour"),
              ("carillon:not_accepted:ratio6h", "6 hours"), unit="percentunit", about="The promise is 0.05 % within 30 days."),
        graph("Messages that ended badly", (rate("carillon_deliveries_total", "status, reason", 'status=~"technical-failure|permanent-failure|temporary-failure"'), "{{status}}: {{reason}}"), unit="cps", stacked=True),
        graph("Failed provider calls", (rate("carillon_provider_calls_total", "provider, outcome", 'outcome!="accepted"'), "{{provider}}: {{outcome}}"), unit="cps", stacked=True),
    ]),
    ("Latency", 8, [
        graph("Publish to confirm", *quantiles("carillon_confirm_seconds"), unit="s", about="The greatest part of what a request takes. The promise is 250 ms for 99 in 100."),
        graph("Age of the oldest message on its way", (shared("carillon_on_its_way_oldest_seconds", "queue"), "{{queue}}"), unit="s"),
        graph("Provider calls, 95 in 100", (quantile(0.95, "carillon_provider_call_seconds", "provider"), "{{provider}}"), unit="s"),
    ]),
    ("Saturation", 8, [
        graph("On its way", (shared("carillon_on_its_way", "queue"), "{{queue}}"), stacked=True, about="In delivery queues and workers' hands."),
        graph("Waiting in PostgreSQL", (shared("carillon_waiting", "reason") + " > 0", "{{reason}}"), stacked=True),
        graph("Held by workers, not started", ("sum by (queue) (carillon_unstarted)", "{{queue}}"), stacked=True, about="At most 50,000 ids for each worker."),
        graph("Tries while PostgreSQL or RabbitMQ is away", (rate("carillon_waits_for_backend_total", "job, task"), "{{job}}: {{task}}"), unit="cps", about="0 in health. Runbook: backend-away."),
    ]),
)

dashboard(
    "lanes", "lanes",
    "What is on its way, what waits and why, and how old the oldest is.",
    ("Age", 9, [
        graph("Oldest on its way", (shared("carillon_on_its_way_oldest_seconds", "queue"), "{{queue}}"), unit="s", about="Since it was put into its queue. Priority: seconds; normal: below five minutes; bulk gives way to both."),
        graph("Most overdue of what waits", (shared("carillon_waiting_overdue_seconds", "reason") + " > 0", "{{reason}}"), unit="s", about="The poller relays what is due within a second."),
        graph("Oldest that may be in an inbox", (shared("carillon_ledger_in_inbox_oldest_seconds"), "oldest"), unit="s", about="Until it is saved, a message is in the broker alone."),
    ]),
    ("Backlog", 9, [
        graph("On its way", (shared("carillon_on_its_way", "queue"), "{{queue}}"), stacked=True),
        graph("Waiting, by reason", (shared("carillon_waiting", "reason") + " > 0", "{{reason}}"), stacked=True, about="docs/reasons.md says what follows from each."),
        graph("In workers' hands, not started", ("sum by (queue) (carillon_unstarted)", "{{queue}}"), stacked=True),
    ]),
    ("Flow", 9, [
        graph("Saved, by inbox", (rate("carillon_saved_total", "queue"), "{{queue}}"), unit="cps", stacked=True),
        graph("Results, by status and reason", (rate("carillon_deliveries_total", "status, reason"), "{{status}}: {{reason}}"), unit="cps", stacked=True, about="created: it waits for another attempt."),
        graph("Relayed, by queue", (rate("carillon_relayed_total", "queue"), "{{queue}}"), unit="cps", stacked=True),
        graph("Put back unstarted", (rate("carillon_put_back_total", "queue, reason"), "{{queue}}: {{reason}}"), unit="cps", stacked=True, about="fair-share: the service had more than its turns. given-back: nothing started, so workers are too few or stand still."),
    ]),
    ("Statements and repairs", 9, [
        graph("Save", *quantiles("carillon_save_seconds"), unit="s", about="Up to 500 rows in a statement."),
        graph("Mark", *quantiles("carillon_mark_seconds"), unit="s", about="Results of provider calls; waits for PostgreSQL are in it."),
        graph("Fell out and were sent on", ("sum by (queue, reason) (increase(carillon_rescued_total[$__rate_interval]))", "{{queue}}: {{reason}}"), about="0 while nothing crashes. Runbook: messages-rescued."),
    ]),
)

dashboard(
    "providers", "providers",
    "Whether providers take what they are given, how fast, and whether their receipts arrive.",
    ("Calls", 9, [
        graph("By outcome", (rate("carillon_provider_calls_total", "provider, outcome"), "{{provider}}: {{outcome}}"), unit="cps", stacked=True, about="rejected: for good. failed, throttled: tried again. ambiguous: the answer was lost."),
        graph("Failed or without an answer, as a part of all", (
            "sum by (provider) (rate(carillon_provider_calls_total{outcome=~\"failed|ambiguous\"}[$__rate_interval]))"
            " / sum by (provider) (rate(carillon_provider_calls_total[$__rate_interval]))", "{{provider}}"), unit="percentunit"),
        graph("Against its rate", ("sum by (provider) (carillon_provider_granted_per_second)", "{{provider}}: granted"), (rate("carillon_provider_calls_total", "provider"), "{{provider}}: calls"), unit="cps", about="Granted is what all workers together were lent of a provider's rate lately."),
    ]),
    ("Duration", 9, [
        graph("Half of the calls", (quantile(0.5, "carillon_provider_call_seconds", "provider"), "{{provider}}"), unit="s"),
        graph("95 in 100", (quantile(0.95, "carillon_provider_call_seconds", "provider"), "{{provider}}"), unit="s"),
        graph("99 in 100", (quantile(0.99, "carillon_provider_call_seconds", "provider"), "{{provider}}"), unit="s", about="A call is given up after delivery.provider_timeout_ms, 10 s."),
    ]),
    ("State", 7, [
        graph("Workers that leave it alone", ("sum by (provider) (carillon_provider_paused)", "{{provider}}")),
        graph("Workers whose settings make no client", ("sum by (provider) (carillon_provider_unusable)", "{{provider}}")),
        graph("Waiting for a provider", (shared('carillon_waiting{reason=~"provider-failure|provider-rate|provider-paused|no-provider|answer-lost"}', "reason"), "{{reason}}"), stacked=True),
    ]),
    ("Receipts", 9, [
        graph("Applied", (rate("carillon_receipts_total", "provider, kind"), "{{provider}}: {{kind}}"), unit="cps", stacked=True),
        graph("Refused reports", ("sum by (route, reason) (increase(carillon_callbacks_refused_total[$__rate_interval]))", "{{route}}: {{reason}}")),
        graph("Parked, and results too late", ("sum(increase(carillon_parked_receipts_total[$__rate_interval]))", "receipts that came before their message"),
              ("sum(increase(carillon_late_results_total[$__rate_interval]))", "answers after their lease")),
    ]),
)

dashboard(
    "callbacks", "callbacks",
    "Telling services what became of their messages. Single endpoints are not in metrics: `carillon callback list SERVICE_ID`.",
    ("Now", 4, [
        number("Overdue", shared("carillon_callback_events_overdue_seconds"), unit="s", warn=30, bad=120, about="The most overdue change whose endpoint is not paused. Runbook: callbacks-late."),
        number("Waiting", shared("carillon_callback_events_waiting")),
        number("Endpoints paused", shared("carillon_callback_endpoints_paused"), warn=1),
        number("Given up within a day", 'sum(increase(carillon_service_calls_total{outcome=~"exhausted|disabled"}[1d])) or vector(0)', warn=1, about="Runbook: callbacks-given-up."),
    ]),
    ("Calls", 9, [
        graph("By outcome", (rate("carillon_service_calls_total", "outcome"), "{{outcome}}"), unit="cps", stacked=True),
        graph("Duration", *quantiles("carillon_service_call_seconds"), unit="s", about="A call is given up after callbacks.timeout_ms, 5 s."),
    ]),
    ("Room", 9, [
        graph("In flight", ("sum(carillon_service_calls_in_flight)", "calls"), ("sum(carillon_service_calls_unstarted)", "waiting for a slot of their endpoint"), about="Each worker makes callbacks.in_flight calls at most."),
        graph("Waiting", (shared("carillon_callback_events_waiting"), "changes to tell")),
        graph("Relayed", (rate("carillon_relayed_total", "queue", 'queue=~"callbacks|callbacks-retry"'), "{{queue}}"), unit="cps", stacked=True),
    ]),
)

dashboard(
    "jobs", "mailings",
    "Jobs of up to 100,000 rows: `carillon job list`, `carillon job show ID`.",
    ("Now", 4, [
        number("Open", shared("carillon_jobs_open")),
        number("Rows to save", shared("carillon_job_rows_to_save")),
        number("Due for", shared("carillon_jobs_overdue_seconds"), unit="s", warn=300, bad=900, about="How long the oldest has been due. Runbook: jobs-late."),
        number("Stopped within a day", "sum(increase(carillon_jobs_stopped_total[1d])) or vector(0)", warn=1, about="Runbook: jobs-stopped."),
        number("Reopened within a day", "sum(increase(carillon_jobs_reopened_total[1d])) or vector(0)", bad=1, about="Finished ones that lacked rows. Runbook: jobs-reopened."),
    ]),
    ("Flow", 9, [
        graph("Accepted", (rate("carillon_jobs_accepted_total", "channel"), "{{channel}}"), unit="cps", stacked=True),
        graph("Rows saved", (rate("carillon_saved_total", where='queue="jobs"'), "rows"), unit="cps"),
        graph("A chunk, from its claim to the broker's confirm", *quantiles("carillon_job_chunk_seconds"), unit="s"),
        graph("Rows that followed their job", (rate("carillon_job_rows_changed_total", "change"), "{{change}}"), unit="cps", stacked=True),
    ]),
    ("Afterwards", 9, [
        graph("Rows on their way", (shared('carillon_on_its_way{queue=~"send-email-bulk|send-sms-bulk"}', "queue"), "{{queue}}"), stacked=True),
        graph("Rows that wait", (shared('carillon_waiting{reason=~"fair-share|job-paused"}', "reason"), "{{reason}}"), stacked=True),
        graph("Stopped, by reason", ("sum by (reason) (increase(carillon_jobs_stopped_total[$__rate_interval]))", "{{reason}}")),
    ]),
)

dashboard(
    "services", "services",
    "Limits and bounces. Only services that sent enough e-mail to have a bounce rate are told apart here.",
    ("One service", 6, [
        text("Metrics are not kept for each service: their number has no bound. Ask PostgreSQL instead:\n\n"
             "* `carillon service usage ID`: its limits, what it has used of them today, its bounces\n"
             "* `carillon ledger --service ID --since 7d`: what it sent, by lane and hour, and where that is\n"
             "* `carillon timeline ID`: one message"),
    ]),
    ("Bounces", 9, [
        graph("Bounce rate", (shared("carillon_bounce_rate", "service"), "{{service}}"), unit="percentunit", about="Of 24 hours. At 5 % there is a warning, at 10 % the service's e-mail is stopped."),
        graph("Brakes", ("sum(increase(carillon_brakes_total[$__rate_interval]))", "services stopped"), (shared('carillon_waiting{reason="bounce-brake"}'), "messages held")),
    ]),
    ("Limits", 9, [
        graph("Refused: too many in a minute", (rate("carillon_rate_limited_total", "key_type"), "{{key_type}}"), unit="cps", stacked=True),
        graph("Refused: too many in a day", (rate("carillon_daily_limited_total", "channel"), "{{channel}}"), unit="cps", stacked=True),
        graph("Statements that lease limits", (rate("carillon_limit_leases_total", "kind, outcome"), "{{kind}}: {{outcome}}"), unit="cps", stacked=True),
        graph("Processes without PostgreSQL", ("sum by (kind) (carillon_limits_alone)", "{{kind}}"), about="They keep limits each by itself. Runbook: limits-alone."),
    ]),
    ("Idempotency keys and fair shares", 9, [
        graph("Requests answered by their key", (rate("carillon_idempotency_total", "result"), "{{result}}"), unit="cps", stacked=True),
        graph("Waiting for their share", (shared('carillon_waiting{reason="fair-share"}'), "messages")),
    ]),
)

dashboard(
    "processes", "processes and ledger",
    "Whether everything runs, what it stands on, and whether everything accepted is somewhere.",
    ("Ledger, of the last 24 hours", 5, [
        number("Missing", shared("carillon_ledger_missing"), bad=1, about="Runbook: messages-missing."),
        number("Adrift", shared("carillon_ledger_adrift"), bad=1, about="Runbook: messages-adrift."),
        number("Oldest in an inbox", shared("carillon_ledger_in_inbox_oldest_seconds"), unit="s", warn=60, bad=900),
        number("Not looked at for", "time() - max(carillon_ledger_checked_until_timestamp_seconds)", unit="s", warn=180, bad=900, about="Runbook: ledger-not-checked."),
        number("Quarantined within a day", "sum(increase(carillon_quarantined_total[1d])) or vector(0)", warn=1, about="Runbook: quarantined."),
    ]),
    ("Where it is", 9, [
        graph("By entry", ("sum by (entry) (max by (lane, entry) (carillon_ledger_messages))", "{{entry}}"), stacked=True, about="docs/ledger.md explains each entry."),
        graph("Accepted, by lane", ('max by (lane) (carillon_ledger_messages{entry="accepted"})', "{{lane}}"), stacked=True),
    ]),
    ("Processes", 8, [
        graph("Running", ('sum by (job) (up{job=~"carillon-.+"})', "{{job}}")),
        graph("Starts", ('sum by (job) (changes(process_start_time_seconds{job=~"carillon-.+"}[$__rate_interval]))', "{{job}}")),
        graph("Versions", ("sum by (job, version) (carillon_build_info)", "{{job}} {{version}}"), about="Two of one binary during an upgrade."),
    ]),
    ("Loops and tasks", 9, [
        graph("Failing loops", (rate("carillon_ticks_total", "job, ticker", 'outcome="error"'), "{{job}}: {{ticker}}"), unit="cps"),
        graph("A tick, 99 in 100", (quantile(0.99, "carillon_tick_seconds", "ticker"), "{{ticker}}"), unit="s", about="relay and outbox should stay far below their 250 ms."),
        graph("Scheduled tasks", ("sum by (task, result) (increase(carillon_scheduled_total[$__rate_interval]))", "{{task}}: {{result}}")),
        graph("Messages ended for their age", ("sum(increase(carillon_timed_out_total[$__rate_interval]))", "ended"), about="Open for longer than sending.give_up_after_h."),
    ]),
    ("What they stand on", 9, [
        graph("Connected to the broker", ("min by (instance) (carillon_broker_connected)", "{{instance}}")),
        graph("Tries while PostgreSQL or RabbitMQ is away", (rate("carillon_waits_for_backend_total", "job, task"), "{{job}}: {{task}}"), unit="cps"),
        graph("Publishes without a confirm", (rate("carillon_unconfirmed_total", "inbox"), "{{inbox}}"), unit="cps", stacked=True),
        graph("Payloads set aside", ("sum by (queue, reason) (increase(carillon_quarantined_total[$__rate_interval]))", "{{queue}}: {{reason}}")),
    ]),
)


def main():
    written = {FOLDER / f"{name}.json": json.dumps(content, indent=2) + "\n" for name, content in DASHBOARDS.items()}
    if sys.argv[1:] == ["--check"]:
        stale = [path for path, content in written.items() if not path.exists() or path.read_text() != content]
        stale += [path for path in FOLDER.glob("*.json") if path not in written]
        for path in stale:
            print(f"{path.name} is not as dashboards.py writes it")
        sys.exit(1 if stale else 0)
    if sys.argv[1:]:
        sys.exit(__doc__)
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.json"):
        if path not in written:
            path.unlink()
    for path, content in written.items():
        path.write_text(content)


main()
