import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerAddress } from '../../../protocols/index.ts'

/** How a path ends: as a process's end looks, or as a router that has forgotten the connection; or it carries nothing until `release`. */
export type CutKind = 'end' | 'reset' | 'hold'

export interface Cut {
  /** of what comes from the peer, counted anew on each connection */
  afterBytes: number
  kind: CutKind
}

/** A path to a peer that breaks where a test says. */
export interface CuttingProxy {
  /** the peer, to be reached through here */
  readonly address: PeerAddress
  /** bytes that came from the peer and were passed on, on all connections together */
  readonly passed: number
  /** Lets what is held go on. */
  release(): void
  /** how many cuts have been made */
  readonly cuts: number
  stop(): Promise<void>
}

/** The line is slower than who reads from it: what is lost with it is what it carries, not what a system has buffered. */
function resumeSoon(socket: Socket): void {
  setImmediate(() => setImmediate(() => socket.resume()))
}

/** Passes connections on to a peer; the first ones are cut, one after the other, as `plan` says, the later ones not. */
export async function cuttingProxy({ peerId, multiaddrs }: PeerAddress, plan: Cut[]): Promise<CuttingProxy> {
  const port = Number(
    multiaddr(multiaddrs[0]!)
      .getComponents()
      .find(({ name }) => name === 'tcp')?.value,
  )
  const sockets = new Set<Socket>()
  const held: (() => void)[] = []
  let connections = 0
  let passed = 0
  let cuts = 0
  const server = createServer(near => {
    const far = connect(port, '127.0.0.1')
    const cut = plan.at(connections++)
    let here = 0
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    far.on('data', (bytes: Buffer) => {
      const some = cut === undefined ? bytes : bytes.subarray(0, cut.afterBytes - here)
      here += some.length
      passed += some.length
      near.write(some)
      far.pause()
      if (cut !== undefined && here >= cut.afterBytes) {
        cuts++
        if (cut.kind === 'hold') {
          cut.afterBytes = Number.POSITIVE_INFINITY
          held.push(() => far.resume())
          // what of it was not passed on
          far.unshift(bytes.subarray(some.length))
          return
        }
        far.removeAllListeners('data').destroy()
        // what was passed on has left
        near.end(() => cut.kind === 'reset' && near.resetAndDestroy())
      } else resumeSoon(far)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const at = (server.address() as AddressInfo).port
  return {
    address: { peerId, multiaddrs: [`/ip4/127.0.0.1/tcp/${at}`] },
    get passed() {
      return passed
    },
    get cuts() {
      return cuts
    },
    release() {
      for (const resume of held.splice(0)) resume()
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
