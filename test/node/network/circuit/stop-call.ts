import type { Connection, PeerId } from '@libp2p/interface'
import { systemClock } from '../../../../base/clock.ts'
import {
  CIRCUIT,
  type CircuitStatus,
  createHandshake,
  StopAnswerMessage,
  StopRequestMessage,
} from '../../../../protocols/index.ts'

/** Calls a peer as a relay does, and says what it answers. */
export async function receiveStopAnswer(connection: Connection, peer: PeerId): Promise<CircuitStatus> {
  const stream = await connection.newStream(CIRCUIT.stop)
  const handshake = createHandshake(stream, systemClock)
  handshake.write(StopRequestMessage, { peer })
  try {
    return (await handshake.read(StopAnswerMessage, AbortSignal.timeout(5_000))).status
  } finally {
    handshake.release()
    stream.abort(new Error('over'))
  }
}
