"""Leads for journalists: what is remarkable about a day, found in the statistics, with a sentence in both languages."""
