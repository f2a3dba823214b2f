import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { BandwidthView } from '../protocols/index.ts'
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
  /** Asked at every scrape what the store's disk has free, and what uploads leave of it, until told otherwise. */
  disk(read: ReadDisk | undefined): void
  /** Asked at every scrape what the node's line may carry and has carried, until told otherwise. */
  line(read: ReadLine | undefined): void
  /** Asked at every scrape how many direct connections were made beside relayed ones, until told otherwise. */
  punches(read: ReadPunches | undefined): void
  /** A sliver on the own disk is missing, cut off or altered. */
  damaged(): void
  /** The newest blob table that the node has, and how many members have another of that epoch. */
  tables(epoch: number, differing: number): void
  /** So many slivers were got back, taken over, handed out, or looked at on the disk. */
  worked(what: 'recovered' | 'synced' | 'served' | 'scrubbed', slivers: number, bytes: number): void
  /** Slivers on the own disk that a look at all of them has found to be bad. */
  scrubFound(bad: number): void
  /** How many peers are asked last for now, as they have failed lately: read when it is scraped, until the result is called. */
  watchPeers(backingOff: () => number): () => void
  /** A limit refused something; both labels are from the table in `refusals.ts`. */
  refused(where: string, reason: string): void
}

/** What is told of a relay. */
interface RelayFigures {
  reservations: number
  circuits: number
  load: number
  month: { bytes: number }
  counts: {
    reservations: number
    circuits: number
    pauses: number
    bytes: { members: number; strangers: number }
    refused: Readonly<Record<string, number>>
  }
}

type ReadLine = () => BandwidthView
type ReadPunches = () => Readonly<{ succeeded: number; failed: number }>
type ReadDisk = () => Promise<{ freeBytes: number; reservedBytes: number }>

/** What an HTTP server counts. Routes are patterns such as `/v1/blobs/:blobId`, never paths: labels must stay few. */
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
  /** What a wallet that pays has of a coin, in whole coins: the `main` one, or one of its sub-wallets. */
  balance(wallet: string, coin: string, amount: number): void
  /** Asked at every scrape how the relay of the process is doing. */
  relay(read: () => RelayFigures): void
  /** Prometheus text format. */
  text(): Promise<string>
  readonly contentType: string
}

// from a cached answer on loopback to a large blob over a slow link
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** What is done with slivers beside taking in uploads. */
const WORK = {
  recovered: 'that were missing and got back from others',
  synced: 'of shards that were taken over',
  served: 'that were handed out',
  scrubbed: 'that were looked at on the disk',
} as const

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
  const balances = gauge('floe_wallet_balance', 'Coins of the wallets that pay for what is stored', [
    'wallet',
    'coin',
  ])
  const storedBlobs = gauge('floe_stored_blobs', 'Blobs of which the node holds slivers', ['node'])
  const storedBytes = gauge('floe_stored_bytes', 'Sliver bytes that the node holds', ['node'])
  const damagedSlivers = counter('floe_damaged_slivers_total', 'Own slivers found damaged on disk', ['node'])
  const tableEpoch = gauge('floe_blob_table_epoch', 'Epoch of the newest blob table that the node has', [
    'node',
  ])
  const tablesDiffering = gauge(
    'floe_blob_tables_differing',
    'Members whose blob table of that epoch is another: 0, or something is wrong',
    ['node'],
  )
  const work = Object.fromEntries(
    Object.entries(WORK).map(([what, text]) => [
      what,
      {
        slivers: counter(`floe_${what}_slivers_total`, `Slivers ${text}`, ['node']),
        bytes: counter(`floe_${what}_bytes_total`, `Bytes of slivers ${text}`, ['node']),
      },
    ]),
  )
  const scrubBad = counter(
    'floe_scrub_bad_slivers_total',
    'Own slivers that a look at all of them found bad',
    ['node'],
  )
  const watched = new Map<string, () => number>()
  new Gauge({
    name: 'floe_peers_backing_off',
    help: 'Peers that are asked last for now, as they have failed lately',
    labelNames: ['node'],
    registers,
    collect() {
      this.reset()
      for (const [node, backingOff] of watched) this.set({ node }, backingOff())
    },
  })
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
  const disks = diskMetrics(registers)
  const bandwidths = lineMetrics(registers)
  const punches = punchMetrics(registers)

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    relay: read => relayMetrics(registers, read),
    balance: (wallet, coin, amount) => balances.set({ wallet, coin }, amount),
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
      line(read) {
        if (read === undefined) bandwidths.delete(node)
        else bandwidths.set(node, read)
      },
      punches(read) {
        if (read === undefined) punches.delete(node)
        else punches.set(node, read)
      },
      disk(read) {
        if (read === undefined) disks.delete(node)
        else disks.set(node, read)
      },
      damaged: () => damagedSlivers.inc({ node }),
      tables(epoch, differing) {
        tableEpoch.set({ node }, epoch)
        tablesDiffering.set({ node }, differing)
      },
      worked(what, slivers, bytes) {
        work[what]!.slivers.inc({ node }, slivers)
        work[what]!.bytes.inc({ node }, bytes)
      },
      scrubFound: bad => scrubBad.inc({ node }, bad),
      watchPeers(backingOff) {
        watched.set(node, backingOff)
        return () => {
          if (watched.get(node) === backingOff) watched.delete(node)
        }
      },
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

/** Nodes by name, and how each is asked. */
function diskMetrics(registers: Registry[]): Map<string, ReadDisk> {
  const disks = new Map<string, ReadDisk>()
  const measure = (name: string, help: string, field: 'freeBytes' | 'reservedBytes') =>
    new Gauge({
      name,
      help,
      labelNames: ['node'],
      registers,
      async collect() {
        this.reset()
        for (const [node, read] of disks) {
          // a disk that does not answer has no figures
          const view = await read().catch(() => undefined)
          if (view !== undefined) this.set({ node }, view[field])
        }
      },
    })
  measure('floe_disk_free_bytes', "Bytes that the store's disk has free", 'freeBytes')
  measure('floe_disk_reserved_bytes', 'Bytes of these that uploads leave, for recovery', 'reservedBytes')
  return disks
}

/** Nodes by name, and how each is asked. */
function punchMetrics(registers: Registry[]): Map<string, ReadPunches> {
  const reads = new Map<string, ReadPunches>()
  new Counter({
    name: 'floe_punches_total',
    help: 'Direct connections that were made beside relayed ones, and tries that came to nothing',
    labelNames: ['node', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const [node, read] of reads)
        for (const [outcome, count] of Object.entries(read())) this.inc({ node, outcome }, count)
    },
  })
  return reads
}

/** What nodes' lines may carry and have carried: read when scraped, as long as they are in what this gives. */
function lineMetrics(registers: Registry[]): Map<string, ReadLine> {
  const lines = new Map<string, ReadLine>()
  const each = (set: (view: BandwidthView, node: string) => void): void => {
    for (const [node, read] of lines) set(read(), node)
  }
  const gauge = (
    name: string,
    help: string,
    figures: (view: BandwidthView) => Partial<Record<'up' | 'down', number | undefined>>,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['node', 'direction'],
      registers,
      collect() {
        this.reset()
        each((view, node) => {
          for (const [direction, figure] of Object.entries(figures(view)))
            if (figure !== undefined) this.set({ node, direction }, figure)
        })
      },
    })
  gauge('floe_line_bytes', 'Bytes that moved on streams since the start', ({ moved }) => moved)
  new Gauge({
    name: 'floe_line_path_bytes',
    help: 'Bytes that moved on streams since the start, by path',
    labelNames: ['node', 'direction', 'path'],
    registers,
    collect() {
      this.reset()
      each(({ paths }, node) => {
        for (const [path, moved] of Object.entries(paths))
          for (const [direction, bytes] of Object.entries(moved)) this.set({ node, direction, path }, bytes)
      })
    },
  })
  gauge('floe_line_waiting', 'Pieces that wait for their turn', ({ waiting }) => waiting)
  gauge('floe_line_limit_bytes_per_second', 'What may move now; absent without a limit', view => ({
    up: view.upBytesPerSecond,
    down: view.downBytesPerSecond,
  }))
  const monthly = (name: string, help: string, figure: (view: BandwidthView) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['node'],
      registers,
      collect() {
        this.reset()
        each((view, node) => {
          const bytes = figure(view)
          if (bytes !== undefined) this.set({ node }, bytes)
        })
      },
    })
  monthly('floe_month_bytes', 'Bytes that moved in this month (UTC)', ({ month }) => month.bytes)
  monthly(
    'floe_month_limit_bytes',
    'What may move in a month; absent without a limit',
    view => view.month.limitBytes,
  )
  return lines
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

function relayMetrics(registers: Registry[], read: () => RelayFigures): void {
  const now = (name: string, help: string, value: (figures: RelayFigures) => number) =>
    new Gauge({
      name: `floe_relay_${name}`,
      help,
      registers,
      collect() {
        this.set(value(read()))
      },
    })
  const total = (name: string, help: string, value: (figures: RelayFigures) => number) =>
    new Counter({
      name: `floe_relay_${name}_total`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(value(read()))
      },
    })
  const totals = (name: string, help: string, label: string, values: (figures: RelayFigures) => object) =>
    new Counter({
      name: `floe_relay_${name}_total`,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset()
        for (const [one, count] of Object.entries(values(read()))) this.inc({ [label]: one }, count)
      },
    })
  now('reservations', 'Peers that may be called', figures => figures.reservations)
  now('circuits', 'Circuits that are open', figures => figures.circuits)
  now('load', 'Share of the bytes per second that is in use', figures => figures.load)
  now('month_bytes', 'Bytes that were passed on this month', figures => figures.month.bytes)
  total('granted_reservations', 'Reservations granted', ({ counts }) => counts.reservations)
  total('granted_circuits', 'Circuits granted', ({ counts }) => counts.circuits)
  total('pauses', 'Times that a source had to rest', ({ counts }) => counts.pauses)
  totals('bytes', 'Bytes passed on, by who was at an end', 'peers', ({ counts }) => counts.bytes)
  totals('refused', 'Questions refused, by why', 'reason', ({ counts }) => counts.refused)
}
