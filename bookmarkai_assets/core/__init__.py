"""Pure rules over plain values. No Dagster, vendor, network, disk, clock or environment in here."""
