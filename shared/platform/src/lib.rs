//! The edge: Microsoft, the DynamoDB store, secrets, queue, schedules and alerts.
