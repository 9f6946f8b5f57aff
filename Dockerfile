# docker build -t vauxio .
# docker run --rm -v "$PWD:/data" vauxio encode interview.m4a
FROM python:3.13-slim AS build
COPY . /src
RUN pip wheel --no-cache-dir --wheel-dir /wheels '/src[av]'

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels 'vauxio[av]' && rm -r /wheels
WORKDIR /data
ENTRYPOINT ["vaux"]
