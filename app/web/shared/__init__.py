"""What API and pages share: finding and redacting records, formatting, figures."""
