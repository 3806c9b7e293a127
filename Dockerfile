# The application with PostgreSQL's client programs, which `operator-qos backup` and `restore` use.
FROM python:3.12-slim-trixie AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY operator_qos operator_qos
COPY scoring scoring
COPY templates templates
COPY static static
COPY migrations migrations
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.12-slim-trixie
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
RUN useradd --system --create-home --home-dir /var/lib/operator-qos operator-qos && \
    install --directory --owner=operator-qos --group=operator-qos /var/lib/operator-qos/data
USER operator-qos
WORKDIR /var/lib/operator-qos
ENV OPERATOR_QOS_DATA_DIR=/var/lib/operator-qos/data
VOLUME /var/lib/operator-qos/data
EXPOSE 8000
ENTRYPOINT ["operator-qos"]
CMD ["serve", "--host", "0.0.0.0", "--no-scheduler"]
