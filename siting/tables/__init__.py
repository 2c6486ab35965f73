"""The workbook of a run: ledger, schedules, investment."""
