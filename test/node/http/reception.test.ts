import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Connection } from '../../../base/http/connections.ts'
import { HttpError } from '../../../node/http/errors.ts'
import { createReception } from '../../../node/http/reception.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe('http reception', () => {
  it('breaks off a connection whose only request still waits for its turn to be answered', async () => {
    const socket = new Socket()
    const connection: Connection = {
      socket,
      address: '192.0.2.1',
      noRoom: undefined,
      // the one before it is over; its connection was reset, while the rest of what had come was still parsed
      requests: 1,
      closed: new AbortController().signal,
      begin: () => () => undefined,
    }
    const reception = createReception({
      connections: { add: () => connection, of: () => connection },
      answer: async () => undefined,
      stopping: new AbortController().signal,
      clock: new VirtualClock(),
    })
    const request = new IncomingMessage(socket)
    reception.take(request, new ServerResponse(request))
    reception.breakOff(socket, new HttpError(400, 'MALFORMED_REQUEST', 'rubbish'))
    assert.ok(socket.destroyed)
    await Promise.all(reception.underWay)
  })
})
