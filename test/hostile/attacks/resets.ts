import type { Attack } from '../attack.ts'
import { protocolId } from '../support/floe-stream.ts'
import { hostilePeer } from '../support/peer.ts'
import { repeat } from '../support/repeat.ts'

export const attack: Attack = {
  about: 'opens streams and resets them at once',
  async run(context) {
    const peer = await hostilePeer(context)
    try {
      return await repeat({ signal: context.signal, parallel: 48, most: 15_000 }, async () => {
        const stream = await peer.open(protocolId('fetch'))
        stream.abort(new Error('reset'))
      })
    } finally {
      await peer.stop()
    }
  },
}
