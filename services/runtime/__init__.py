"""What any process needs: settings, connections, clocks, logs, the outbox. Nothing here knows a business noun."""
