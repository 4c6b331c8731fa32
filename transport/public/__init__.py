"""The public booking page: anybody may book an appointment with a consultant who is shown there."""
