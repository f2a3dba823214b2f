import { ProtocolError } from '../errors.ts'
import type { ReachProber } from '../ports.ts'
import { ipOf } from '../rpc/remote-address.ts'
import { type RequestHandler, respond } from '../rpc/served-request.ts'
import { ReachAnswer, ReachRequest } from './messages.ts'

export function reachHandler(prober: ReachProber): RequestHandler {
  return async (bytes, served) => {
    const ports = ReachRequest.decode(bytes)
    const { connection, peer, account, signal } = served
    const ip = connection.direct ? ipOf(connection.remoteAddr) : undefined
    // over a relay, the address would be the relay's
    if (ip === undefined) throw new ProtocolError('NOT_AUTHORIZED')
    const reached = await prober.probe({ peer, ip, ports, account }, signal)
    served.note({ ports: ports.length, reached: reached.filter(Boolean).length })
    await respond(served, ReachAnswer, { seen: ip, reached })
  }
}
