# docker build -t vauxio .
# docker run --rm -v "$PWD:/data" vauxio encode interview.m4a
FROM python:3.13-slim AS build
COPY . /src
RUN pip wheel --no-cache-dir --wheel-dir /wheels '/src[av]'

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels --root-user-action ignore 'vauxio[av]'
WORKDIR /data
ENTRYPOINT ["vaux"]
