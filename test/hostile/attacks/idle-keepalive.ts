import type { Attack } from '../attack.ts'
import { ended, repeat } from '../support/repeat.ts'
import { answered, openSocket } from '../support/socket.ts'

const HEAD = 'GET /v1/health HTTP/1.1\r\nHost: localhost\r\n'

export const attack: Attack = {
  about: 'keeps as many HTTP connections as it gets, silent, with half a request, or idle after an answer',
  refused: ['http.idle'],
  async run(context) {
    const { target, signal } = context
    const urls = [target.gatewayUrl, target.nodes[0]!.http ?? target.gatewayUrl]
    const counts = await repeat({ signal, parallel: 16, most: 3_000 }, async i => {
      const socket = await openSocket(urls[i % urls.length]!, context)
      const text = ['', HEAD, `${HEAD}\r\n`][i % 3]
      if (text !== '') socket.write(text!)
      if (text!.endsWith('\r\n\r\n')) await answered(socket)
    })
    await ended(signal)
    return counts
  },
}
