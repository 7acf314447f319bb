SELECT lane, taken_out_until AS until FROM ledger_lanes
