import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { ProtocolError } from '../errors.ts'
import { openClientStream } from '../rpc/client-stream.ts'
import type { NetworkIdentity } from '../rpc/components.ts'
import { SPECS } from '../specs.ts'
import { ReachAnswer, type ReachFindings, ReachRequest } from './messages.ts'

const spec = SPECS.reach

/** Asks the peer at the other end of a direct connection to dial this one back. Throws ProtocolError, or the signal's reason. */
export async function askReach(
  connection: Connection,
  ports: readonly number[],
  { network, clock, signal }: NetworkIdentity & { clock: Clock; signal?: AbortSignal | undefined },
): Promise<ReachFindings> {
  const stream = await openClientStream(connection, spec, network, clock, signal)
  try {
    await stream.send(ReachRequest, [...ports], { signal, timeoutMs: spec.chunkTimeoutMs })
    const findings = await stream.receive(ReachAnswer, { signal, timeoutMs: spec.responseTimeoutMs })
    if (findings.reached.length !== ports.length) throw new ProtocolError('VIOLATION')
    return findings
  } finally {
    stream.destroy(undefined)
  }
}
