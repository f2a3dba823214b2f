import { malformedRequests } from '../../support/malformed.ts'
import type { Attack } from '../attack.ts'
import { repeat } from '../support/repeat.ts'
import { closed, openSocket } from '../support/socket.ts'

export const attack: Attack = {
  about: 'sends HTTP requests that are malformed, or could be read in two ways',
  async run(context) {
    const { target, signal } = context
    const urls = [target.gatewayUrl, target.nodes[0]!.http ?? target.gatewayUrl]
    const texts = malformedRequests('/v1/blobs').map(({ text }) => Buffer.from(text, 'latin1'))
    return await repeat({ signal, parallel: 16, most: 20_000 }, async i => {
      const socket = await openSocket(urls[i % urls.length]!, context)
      socket.end(texts[i % texts.length]!)
      await closed(socket)
    })
  },
}
