DROP TABLE ledger_state, ledger_quarantined, ledger_lanes, ledger_hours, ledger_entries, ledger_minutes, ledger_accepted;
