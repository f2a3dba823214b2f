import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ProtocolMetrics } from '../protocols/ports.ts'

/** What one storage node, client or gateway counts; its name is the label `node` on every metric. */
export interface NodeMetrics extends ProtocolMetrics {
  /** A peer sent data that its metadata refutes, or a message that does not verify. */
  liar(peerNodeId: string, what: string): void
  /** One upload ended: `ok` or the code of its error, bytes of the blob, ms. */
  upload(outcome: 'ok' | string, bytes: number, durationMs: number): void
  /** One read ended, as `upload`. */
  download(outcome: 'ok' | string, bytes: number, durationMs: number): void
  /** What the store holds now. */
  stored(blobs: number, bytes: number): void
  /** A sliver on the own disk is missing, cut off or altered. */
  damaged(): void
  /** A limit refused something; both labels are from the table in `refusals.ts`. */
  refused(where: string, reason: string): void
}

/** What an HTTP face counts. Routes are patterns such as `/v1/blobs/:blobId`, never paths: labels must stay few. */
export interface HttpMetrics {
  request(route: string, method: string, status: number, durationMs: number): void
  bytes(direction: 'in' | 'out', bytes: number): void
  /** Requests under way: +1 and -1. */
  inFlight(delta: 1 | -1): void
}

/** All metrics of one process composition. Nothing global: two of them in one process do not meet. */
export interface Metrics {
  /** Counters of one storage node, client or gateway. */
  node(name: string): NodeMetrics
  /** Counters of one HTTP server. */
  http(name: string): HttpMetrics
  /** Prometheus text format. */
  text(): Promise<string>
  readonly contentType: string
}

// from a cached answer on loopback to a large blob over a slow link
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** Metrics of one process, in a registry of their own; `version` is told in `floe_build_info`. */
export function createMetrics(init: { version: string }): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Gauge({ name, help, labelNames, registers })
  const seconds = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Histogram({ name, help, labelNames, registers, buckets: DURATION_BUCKETS_SECONDS })

  const protocolRequests = counter(
    'floe_protocol_requests_total',
    'Requests of stream protocols, by outcome',
    ['node', 'protocol', 'outcome'],
  )
  const protocolSeconds = seconds('floe_protocol_request_duration_seconds', 'Time per protocol request', [
    'node',
    'protocol',
  ])
  const protocolBytes = counter('floe_protocol_bytes_total', 'Payload bytes of stream protocols', [
    'node',
    'protocol',
    'direction',
  ])
  const liars = counter('floe_liars_total', 'Answers of peers that were proved wrong, by the peer at fault', [
    'node',
    'liar',
    'what',
  ])
  const uploads = counter('floe_uploads_total', 'Blobs stored on the network, by outcome', [
    'node',
    'outcome',
  ])
  const uploadBytes = counter('floe_upload_bytes_total', 'Unencoded bytes of the blobs stored', ['node'])
  const uploadSeconds = seconds('floe_upload_duration_seconds', 'Time to store a blob', ['node'])
  const downloads = counter('floe_downloads_total', 'Blobs read from the network, by outcome', [
    'node',
    'outcome',
  ])
  const downloadBytes = counter('floe_download_bytes_total', 'Unencoded bytes read', ['node'])
  const downloadSeconds = seconds('floe_download_duration_seconds', 'Time to read a blob', ['node'])
  const storedBlobs = gauge('floe_stored_blobs', 'Blobs of which the node holds slivers', ['node'])
  const storedBytes = gauge('floe_stored_bytes', 'Sliver bytes that the node holds', ['node'])
  const damagedSlivers = counter('floe_damaged_slivers_total', 'Own slivers found damaged on disk', ['node'])
  const refusedCounter = counter('floe_refused_total', 'What limits refused, by where and why', [
    'node',
    'where',
    'reason',
  ])
  const httpRequests = counter('floe_http_requests_total', 'HTTP requests', [
    'node',
    'route',
    'method',
    'status',
  ])
  const httpSeconds = seconds(
    'floe_http_request_duration_seconds',
    'Time until the last byte of the response',
    ['node', 'route', 'method'],
  )
  const httpBytes = counter('floe_http_bytes_total', 'Body bytes over HTTP', ['node', 'direction'])
  const httpInFlight = gauge('floe_http_requests_in_flight', 'HTTP requests under way', ['node'])
  gauge('floe_build_info', 'Always 1; the label tells the version', ['version']).set(
    { version: init.version },
    1,
  )
  processMetrics(registers)

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    node: node => ({
      request(protocol, outcome, durationMs) {
        protocolRequests.inc({ node, protocol, outcome })
        protocolSeconds.observe({ node, protocol }, durationMs / 1000)
      },
      bytes: (protocol, direction, bytes) => protocolBytes.inc({ node, protocol, direction }, bytes),
      liar: (liar, what) => liars.inc({ node, liar, what }),
      upload(outcome, bytes, durationMs) {
        uploads.inc({ node, outcome })
        if (outcome === 'ok') uploadBytes.inc({ node }, bytes)
        uploadSeconds.observe({ node }, durationMs / 1000)
      },
      download(outcome, bytes, durationMs) {
        downloads.inc({ node, outcome })
        if (outcome === 'ok') downloadBytes.inc({ node }, bytes)
        downloadSeconds.observe({ node }, durationMs / 1000)
      },
      stored(blobs, bytes) {
        storedBlobs.set({ node }, blobs)
        storedBytes.set({ node }, bytes)
      },
      damaged: () => damagedSlivers.inc({ node }),
      refused: (where, reason) => refusedCounter.inc({ node, where, reason }),
    }),
    http: node => ({
      request(route, method, status, durationMs) {
        httpRequests.inc({ node, route, method, status })
        httpSeconds.observe({ node, route, method }, durationMs / 1000)
      },
      bytes: (direction, bytes) => httpBytes.inc({ node, direction }, bytes),
      inFlight: delta => httpInFlight.inc({ node }, delta),
    }),
  }
}

// read when scraped; prom-client's own default metrics leave an observer running that nothing can stop
function processMetrics(registers: Registry[]): void {
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  new Gauge({
    name: 'process_cpu_seconds',
    help: 'User and system CPU time of the process since it started',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.set((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'process_uptime_seconds',
    help: 'Time since the process started',
    registers,
    collect() {
      this.set(process.uptime())
    },
  })
}
