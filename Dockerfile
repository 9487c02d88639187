# Two images of one project: `api` (the web face, no torch) and `worker` (queues, beat, training children).
#   docker build --target api -t sdb-api .      docker build --target worker -t sdb-worker .
# In deploy/ lie the locks; every package is checked against its hash and nothing is compiled.

FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/sdb/bin:$PATH \
    HOME=/tmp \
    SDB_DATA_DIR=/data
# Volumes take owner and mode from these folders when they are first made.
RUN groupadd --gid 10001 sdb \
    && useradd --uid 10001 --gid sdb --no-create-home --home-dir /tmp --shell /usr/sbin/nologin sdb \
    && install --directory --owner sdb --group sdb --mode 0700 /data /keys /worker-keys \
    && python -m venv /opt/sdb
WORKDIR /app

FROM base AS api-packages
COPY deploy/requirements-api.lock /tmp/requirements.lock
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/requirements.lock

FROM base AS worker-packages
COPY deploy/requirements-worker.lock /tmp/requirements.lock
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/requirements.lock

FROM base AS api
COPY --from=api-packages /opt/sdb /opt/sdb
COPY deploy/keys.sh deploy/keys.sh
COPY deploy/bucket.py deploy/bucket.py
COPY migrations migrations
COPY sdb_service sdb_service
COPY sdb_core/report.schema.json sdb_core/report.schema.json
COPY api api
ENV SDB_KEK_FILE=/keys/kek \
    SDB_TOKEN_KEY_FILE=/keys/token-key \
    SDB_KEK_PUBLIC_FILE=/worker-keys/kek.pub
USER sdb
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
CMD ["python", "-m", "api", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS worker
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap \
    && rm -rf /var/lib/apt/lists/*
COPY --from=worker-packages /opt/sdb /opt/sdb
COPY sdb_core sdb_core
COPY sdb_service sdb_service
COPY worker worker
# The public half and the workers' own key: a worker seals keys and does not open them.
ENV SDB_KEK_PUBLIC_FILE=/keys/kek.pub \
    SDB_WORKER_KEY_FILE=/keys/worker-key
USER sdb
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s --retries=3 \
    CMD celery -A worker.app inspect ping --timeout 10 --destination "celery@$(hostname)"
CMD ["celery", "-A", "worker.app", "worker", "--queues", "jobs,checks", "--concurrency", "1", "--pool", "threads", "--without-gossip", "--without-mingle"]
