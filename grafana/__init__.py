"""What Holdfast shows of itself.

Four boards, each a list of rows that reads from the symptom to its cause: the service, the business, delivery, the stores. They are
written here in Python, so that they can be read and checked; Grafana reads the JSON that `make dashboards` writes from them.
"""
