# Stage 1 builds the wheel with its compiled kernel and a virtual environment; stage 2 has neither compiler nor pip cache.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ libc6-dev \
    && rm -rf /var/lib/apt/lists/*
# build time only: where pip looks; an unset one leaves pip's own default
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
# a kernel that does not compile fails the build here, one that does not load fails the service at its start
ENV ORCHESTRATOR_MERGE=cython PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/orchestrator
WORKDIR /src
# dependencies first, so that a change of the sources alone does not fetch them again
COPY pyproject.toml .
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > /requirements.txt \
    && /opt/orchestrator/bin/pip install --quiet -r /requirements.txt
COPY . .
RUN pip wheel --no-deps --wheel-dir /dist . \
    && /opt/orchestrator/bin/pip install --quiet /dist/*.whl \
    && /opt/orchestrator/bin/pip uninstall --yes pip setuptools \
    && /opt/orchestrator/bin/python -P -c "from orchestrator.kernels import choice; assert choice.IMPLEMENTATION == 'cython'"

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="service3-orchestrator" \
      org.opencontainers.image.description="Folds chunk results from Redis into one live summary per brand, exactly once" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/orchestrator /opt/orchestrator
# HTTP_HOST: whoever asks comes from outside of the container, and what is published is the operator's choice
ENV PATH=/opt/orchestrator/bin:$PATH \
    ORCHESTRATOR_MERGE=cython \
    HTTP_HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# a number, so that an orchestrator of containers can verify that it is not root
USER 10001:10001
WORKDIR /opt/orchestrator
EXPOSE 9000 9001
STOPSIGNAL SIGTERM
# liveness, not readiness: a service that waits for Redis recovers alone and must not be restarted for it
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client, os, sys; probe = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('HTTP_PORT', '9000')), timeout=4); probe.request('GET', '/livez'); sys.exit(probe.getresponse().status != 200)"]
ENTRYPOINT ["orchestrator"]
CMD ["run"]
