"""What is made from the chart's values.yaml: its schema and its README."""
