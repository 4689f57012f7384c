# Stage 1 builds the wheel with its compiled kernels and a virtual environment of what the lock names; stage 2 has no
# compiler, and its environment no pip. A digest pins the base: --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:...
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
RUN python -m venv /opt/orchestrator && python -m venv /opt/release
WORKDIR /src
# pylock.archive.toml: with the extras archive and dask, for an archive in a bucket and for workers of a rebuild
ARG LOCK=pylock.toml
# dependencies first, so that a change of the sources alone does not fetch them again
COPY pyproject.toml ${LOCK} pylock.release.toml ./
COPY tools tools
# not compiled here: only what the service imports gets its bytecode, below
RUN python -m tools.lock requirements "$LOCK" > /requirements.txt \
    && /opt/orchestrator/bin/pip install --quiet --no-compile --require-hashes --requirement /requirements.txt \
    && python -m tools.lock requirements pylock.release.toml > /release.txt \
    && /opt/release/bin/pip install --quiet --require-hashes --requirement /release.txt
COPY . .
RUN /opt/orchestrator/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /dist . \
    && /opt/orchestrator/bin/pip install --quiet --no-deps --no-compile /dist/*.whl \
    && /opt/orchestrator/bin/pip uninstall --quiet --yes pip setuptools cython \
    && /opt/orchestrator/bin/python -P -c "from orchestrator.kernels import choice; assert choice.IMPLEMENTATION == 'cython'"
# what it is made of and from: a bill of materials, and a record of this build; then what nobody runs goes
ARG REVISION=unknown
ARG PYTHON_IMAGE
RUN mkdir -p /opt/orchestrator/share/orchestrator \
    && /opt/release/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON \
        -o /opt/orchestrator/share/orchestrator/sbom.cdx.json /opt/orchestrator/bin/python \
    && /opt/orchestrator/bin/python -P tools/provenance.py "$REVISION" "$PYTHON_IMAGE" /dist/*.whl "$LOCK" pylock.release.toml \
        > /opt/orchestrator/share/orchestrator/provenance.json \
    && /opt/orchestrator/bin/python -P tools/slim.py && /opt/orchestrator/bin/python -P tools/slim.py --check

FROM ${PYTHON_IMAGE}
ARG REVISION=unknown
ARG VERSION=unknown
ARG PYTHON_IMAGE
LABEL org.opencontainers.image.title="service3-orchestrator" \
      org.opencontainers.image.description="Folds chunk results from Redis into one live summary per brand, exactly once" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"
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
