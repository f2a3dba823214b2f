import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '../../../base/clock.ts'
import { receiveBody } from '../../../node/http/body.ts'

describe('a body that is taken part by part', () => {
  const options = {
    maxBytes: 1_000,
    idleMs: 5_000,
    minBytesPerSecond: 1,
    signal: new AbortController().signal,
    clock: systemClock,
  }
  /** Sends a body in one piece to a server that does `take` with it. */
  const send = async (take: (incoming: IncomingMessage) => Promise<void>): Promise<string> => {
    const server = createServer((incoming, response) => {
      // with all of it here already, the end follows the last part whether or not that was taken
      arrived(incoming)
        .then(() => take(incoming))
        .then(
          () => response.end('taken'),
          error => response.end(String(error)),
        )
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      const sent = request({ host: '127.0.0.1', port, method: 'PUT', headers: { connection: 'close' } })
      sent.end('0123456789')
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      return Buffer.concat(await answer.toArray()).toString()
    } finally {
      server.close()
      await once(server, 'close')
    }
  }

  const arrived = async (incoming: IncomingMessage): Promise<void> => {
    while (!incoming.complete) await nextTurn()
  }

  it('is over when the last part is taken, not when it has come', async () => {
    const taken: string[] = []
    const said = await send(async incoming => {
      await receiveBody(incoming, options, async part => {
        // the end has been heard by then
        if (!incoming.readableEnded) await once(incoming, 'end')
        taken.push(part.toString())
      })
      taken.push('over')
    })
    assert.deepEqual([said, ...taken], ['taken', '0123456789', 'over'])
  })

  it('fails when the last part is not taken', async () => {
    const said = await send(incoming =>
      receiveBody(incoming, options, async () => {
        if (!incoming.readableEnded) await once(incoming, 'end')
        throw new Error('no room')
      }),
    )
    assert.equal(said, 'Error: no room')
  })
})
