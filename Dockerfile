FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /madang ./cmd/madang && mkdir /data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /madang /madang
COPY --from=build --chown=nonroot:nonroot /data /data
ENV MADANG_DATA=/data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/madang"]
