/** What `floe relay` holds: in a process of its own, with the heap that it gives itself, and peers at one address. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection, Libp2p } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import type { RelayStatus } from '../../../node/relay/status.ts'
import { CIRCUIT, connectThrough, receiveCall, reserveAt } from '../../../protocols/index.ts'
import type { BenchOptions } from '../main.ts'

const MIB = 1024 * 1024
const FLOE = join(import.meta.dirname, '../../../node/cli/floe.mjs')
const CHUNK = new Uint8Array(64 * 1024)
const FLOOD = new Uint8Array(64 * MIB)
const SAMPLE_MS = 100
/** Everything is at one address here. */
const LIMITS = {
  reservationsPerAddress: 128,
  circuitsPerAddress: 64,
  bytesPerSecondPerAddress: 1024 * MIB,
  bytesPerSecond: 1024 * MIB,
}
const options = { clock: systemClock }

interface Peer {
  libp2p: Libp2p
  connection: Connection
}

/** Rows of memory: idle, with reservations, with busy circuits, and while one floods another that does not read. */
export async function relayMemory({ quick, report }: Pick<BenchOptions, 'quick' | 'report'>): Promise<void> {
  const [reservations, circuits, seconds] = quick ? [10, 4, 2] : [100, 20, 20]
  const relay = await startRelay()
  const peers: Peer[] = []
  const join = async (): Promise<Peer> => {
    const peer = await connect(relay.address)
    peers.push(peer)
    return peer
  }
  const tell = (what: string, took: Record<string, number>) =>
    report({ of: { relay: what }, took: { ...took, load: loadavg()[0]! } })
  try {
    tell('idle', { rssMib: await relay.mostMib(2) })
    const called: Peer[] = []
    for (let i = 0; i < reservations; i++) {
      const peer = await join()
      await answer(peer, i === 0)
      await reserveAt(peer.connection, options)
      called.push(peer)
    }
    tell(`${reservations} idle reservations`, { rssMib: await relay.mostMib(seconds / 4) })
    const stop = new AbortController()
    const callers: Peer[] = []
    for (let i = 0; i < circuits; i++) callers.push(await join())
    const sending = callers.map(({ connection }, i) => sendUntil(stop.signal, connection, called[i + 1]!))
    const before = await relay.status()
    const rssMib = await relay.mostMib(seconds)
    const { counts } = await relay.status()
    stop.abort()
    await Promise.all(sending)
    const moved = counts.bytes.strangers - before.counts.bytes.strangers
    tell(`${reservations} reservations, ${circuits} busy circuits`, {
      rssMib,
      mibPerSecond: moved / MIB / seconds,
    })
    await sleep(1_000)
    const restingMib = await relay.mostMib(2)
    const { stream } = await connectThrough(callers[0]!.connection, called[0]!.libp2p.peerId, options)
    stream.send(FLOOD)
    tell('a flooding pair, beside that', { moreMib: (await relay.mostMib(seconds / 2)) - restingMib })
  } finally {
    await Promise.all(peers.map(({ libp2p }) => libp2p.stop()))
    await relay.stop()
  }
}

async function startRelay() {
  const dir = await mkdtemp(join(tmpdir(), 'floe-bench-relay-'))
  await writeFile(join(dir, 'relay.json'), JSON.stringify({ limits: LIMITS }))
  const ports = ['--port', '0', '--http-port', '0', '--stun-port', '0', '--host', '127.0.0.1']
  const child = spawn(process.execPath, [FLOE, 'relay', '--dir', dir, ...ports, '--json', '--log', 'error'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async (): Promise<void> => {
    await end(child)
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const [line] = (await once(createInterface(child.stdout), 'line', {
      signal: AbortSignal.timeout(120_000),
    })) as [string]
    const { multiaddrs, http } = JSON.parse(line) as { multiaddrs: [string]; http: string }
    const status = async () => (await (await fetch(`${http}/status`)).json()) as RelayStatus
    return {
      address: multiaddrs[0],
      status,
      /** Memory at its most within so many seconds. */
      async mostMib(seconds: number): Promise<number> {
        let most = 0
        for (const until = performance.now() + seconds * 1_000; performance.now() < until; ) {
          most = Math.max(most, (await status()).rssBytes)
          await sleep(SAMPLE_MS)
        }
        return most / MIB
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

async function connect(address: string): Promise<Peer> {
  const libp2p = await createNetworkNode({
    roles: ['client'],
    log: silentLog(),
    clock: systemClock,
    random: Math.random,
  })
  return { libp2p, connection: await libp2p.dial(multiaddr(address)) }
}

/** Takes all calls; a deaf one reads nothing of them. */
async function answer({ libp2p }: Peer, isDeaf: boolean): Promise<void> {
  await libp2p.handle(CIRCUIT.stop, async stream => {
    const { stream: here } = (await receiveCall(stream, () => true, options))!
    if (isDeaf) here.pause()
    else here.addEventListener('message', () => undefined)
  })
}

/** As fast as it goes. */
async function sendUntil(signal: AbortSignal, connection: Connection, { libp2p }: Peer): Promise<void> {
  const { stream } = await connectThrough(connection, libp2p.peerId, options)
  while (!signal.aborted && stream.status === 'open')
    if (!stream.send(CHUNK)) await once(stream as never, 'drain', { signal }).catch(() => undefined)
  stream.abort(new Error('it is over'))
}
