import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { peerIdFromString } from '@libp2p/peer-id'
import { Clock } from '../../../../../base/clock.ts'
import type { Deadline } from '../../../../../base/deadline.ts'
import { meetPeer, type Upgrading } from '../../../../../node/network/paths/punch/upgrade.ts'
import { quietLogger } from '../../../../../node/network/quiet-logger.ts'
import type { ProtocolError } from '../../../../../protocols/index.ts'
import { signer } from '../../addresses/support.ts'
import { fastTimers } from './support.ts'

const HOST = '127.0.0.1'

/** Says when a handshake is about to begin, in the very line before. */
class ClockOfHandshakes extends Clock {
  readonly #begins: () => void

  constructor(begins: () => void) {
    super(fastTimers)
    this.#begins = begins
  }

  override deadline(...limit: Parameters<Clock['deadline']>): Deadline {
    // the meeting itself has no reason of its own
    if (limit[2] !== undefined) this.#begins()
    return super.deadline(...limit)
  }
}

describe('a socket of a peer that was met', () => {
  const servers: Server[] = []
  const accepted: Socket[] = []
  afterEach(() => {
    for (const socket of accepted.splice(0)) socket.destroy()
    for (const server of servers.splice(0)) server.close()
  })

  async function listening(): Promise<number> {
    const server = createServer(socket => {
      socket.on('error', () => undefined)
      accepted.push(socket)
    }).listen(0, HOST)
    servers.push(server)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  /** All that is connected to this test's servers, accepted or not yet, is reset before this returns. */
  function resetAll(): void {
    for (const socket of accepted.splice(0)) socket.resetAndDestroy()
    for (const server of servers.splice(0)) server.close()
  }

  for (const role of ['inbound', 'outbound'] as const) {
    it(`that is reset just when it is looked at is nobody, for the side that is ${role}`, async () => {
      const remote = await listening()
      const local = await listening()
      servers.pop()?.close()
      let looks = 0
      const clock = new ClockOfHandshakes(() => {
        if (looks++ === 0) resetAll()
      })
      const upgrade = async (): Promise<never> => {
        throw new Error('nobody is there')
      }
      const upgrading: Upgrading = {
        self: peerIdFromString((await signer(1)).peerId),
        upgrader: { upgradeInbound: upgrade, upgradeOutbound: upgrade },
        logger: quietLogger({}).logger!,
        direct: () => undefined,
      }
      const met = meetPeer({
        peer: peerIdFromString((await signer(2)).peerId),
        role,
        upgrading,
        ports: { v4: local },
        theirs: [{ ip: HOST, port: remote }],
        isHome: false,
        roundTripMs: 0,
        clock,
        random: Math.random,
        signal: new AbortController().signal,
      })
      await assert.rejects(met, ({ code }: ProtocolError) => code === 'UNREACHABLE')
      assert.ok(looks > 0)
    })
  }
})
