import { randomBytes } from 'node:crypto'
import { systemClock } from '../../../base/clock.ts'
import { blobIdFromBytes, confirmationMessage, parseBlobId } from '../../../codec/index.ts'
import { loadBls } from '../../../codec/node.ts'
import type { Epoch } from '../../../codec/types.ts'
import { StatusRequest } from '../../../protocols/status/messages.ts'
import { createChannel } from '../../../protocols/stream/channel.ts'
import { encodeFrame } from '../../../protocols/stream/frame.ts'
import type { Attack } from '../attack.ts'
import { hello, protocolId } from '../support/floe-stream.ts'
import { hostilePeer } from '../support/peer.ts'
import { repeat } from '../support/repeat.ts'

/** as many streams as a peer may have */
const TRIES_PER_PEER = 16

export const attack: Attack = {
  about: 'hands over certificates that do not hold, of PeerIds that it makes as it goes',
  refused: ['certificates.busy', 'certificates.invalid', 'streams.failures', 'connections.rate'],
  async run(context) {
    const bls = await loadBls()
    const point = bls.sign(bls.generateSecret(), randomBytes(32))
    const known = parseBlobId(context.target.registered.blobId)
    const certificate = (i: number) => {
      const blobId = i % 2 === 0 ? known : blobIdFromBytes(randomBytes(32))
      const epoch = 1 as Epoch
      const message = confirmationMessage({ epoch, blobId, persistence: { kind: 'permanent' } })
      return { epoch, signers: [0, 1, 2], message, signature: i % 3 === 0 ? new Uint8Array(96) : point }
    }
    return repeat({ signal: context.signal, parallel: 4, most: 500 }, async i => {
      const peer = await hostilePeer(context, { node: i })
      const handOver = async (j: number): Promise<void> => {
        const channel = createChannel(await peer.open(protocolId('status')), systemClock)
        try {
          const request = encodeFrame(StatusRequest.encode({ Certified: certificate(j) }))
          await channel.writer.write(Buffer.concat([hello(context.target), request]))
          // hello, then the answer
          for (let k = 0; k < 2; k++) await channel.receive(1_000, { timeoutMs: 1_000 })
        } finally {
          channel.abort(new Error('over'))
          channel.reader.detach()
        }
      }
      try {
        await peer.connect()
        await Promise.allSettled(Array.from({ length: TRIES_PER_PEER }, (_, j) => handOver(j)))
      } finally {
        await peer.stop()
      }
    })
  },
}
