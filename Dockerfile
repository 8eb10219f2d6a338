# Two stages: the compiler stays in the first.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY constraints.txt ./
RUN python -m venv /opt/govproxy \
 && /opt/govproxy/bin/pip install --no-cache-dir -c constraints.txt setuptools cython
COPY pyproject.toml setup.py README.md LICENSE ./
COPY govproxy ./govproxy
RUN /opt/govproxy/bin/pip install --no-cache-dir --no-build-isolation -c constraints.txt . \
 && /opt/govproxy/bin/pip uninstall --yes cython setuptools pip

FROM python:${PYTHON}-slim
RUN useradd --system --no-create-home --uid 10001 govproxy \
 && install -d -o govproxy -g govproxy -m 0700 /var/lib/govproxy
COPY --from=build /opt/govproxy /opt/govproxy
ENV PATH=/opt/govproxy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER govproxy
# govproxy.yaml and what it names are mounted at /etc/govproxy; ledger and state belong in /var/lib/govproxy.
WORKDIR /var/lib/govproxy
VOLUME /var/lib/govproxy
EXPOSE 6432
STOPSIGNAL SIGTERM
# Alive: it answers the first question of every PostgreSQL client, SSLRequest, with yes or no.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, socket; s = socket.create_connection(('127.0.0.1', int(os.environ.get('GOVPROXY_PORT', '6432'))), 2); s.sendall(bytes.fromhex('0000000804d2162f')); raise SystemExit(s.recv(1) not in (b'S', b'N'))"]
ENTRYPOINT ["govproxy"]
CMD ["serve", "--config", "/etc/govproxy/govproxy.yaml"]
