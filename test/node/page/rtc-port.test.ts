import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Stream } from '@libp2p/interface'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { createDialingNode } from '../../../node/network/dialing-node.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { type RtcConnect, webRtcDialing } from '../../../node/network/web-rtc/dialing.ts'
import { answerCall, connectOverPorts } from '../../../node/page/rtc-port.ts'
import { NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog } from '../../protocols/support/quiet.ts'
import { connectNatively } from '../../support/native-rtc.ts'

const MIB = 1024 * 1024
const PROTOCOL = '/floe/test/1'
const PLACE = { host: '127.0.0.1', port: 1, family: 4, fingerprint: new Uint8Array(32) } as const

describe('WebRTC by way of a page', function () {
  this.timeout(60_000)
  let node: NetworkNode
  before(async () => {
    node = await createNetworkNode({
      clock: systemClock,
      random: Math.random,
      network: NETWORK,
      roles: ['storage'],
      privateKey: new Uint8Array(32).fill(6),
      listen: ['/ip4/127.0.0.1/udp/0/webrtc-direct'],
      log: quietLog,
    })
  })
  after(() => node.stop())

  const workerOf = (connect: RtcConnect) => {
    const dialing = webRtcDialing({
      connect: connectOverPorts(async call => void answerCall(call, connect)),
      clock: systemClock,
      random: Math.random,
    })
    return createDialingNode([dialing as never], { clock: systemClock, log: silentLog() })
  }

  it('moves bytes both ways, in streams of both sides, and ends with either', async () => {
    const worker = await workerOf(connectNatively)
    try {
      await node.handle(PROTOCOL, (stream, connection) => {
        const opening = connection.newStream(PROTOCOL)
        stream.addEventListener('message', async ({ data }) => void (await opening).send(data))
        stream.addEventListener('end', async () => await (await opening).close())
      })
      let received = 0
      const all = new Promise<void>(resolve => {
        void worker.handle(PROTOCOL, (stream: Stream) => {
          stream.addEventListener('message', ({ data }) => {
            assert.equal(data.subarray()[0], 3)
            received += data.byteLength
          })
          stream.addEventListener('end', () => resolve())
        })
      })
      const stream = await worker.dialProtocol(node.getMultiaddrs(), PROTOCOL)
      for (let sent = 0; sent < 2 * MIB; sent += MIB / 8)
        if (!stream.send(new Uint8Array(MIB / 8).fill(3))) await stream.onDrain()
      await stream.close()
      await all
      assert.equal(received, 2 * MIB)
      const [there] = node.getConnections(worker.peerId)
      const [here] = worker.getConnections(node.peerId)
      const ended = once(here!, 'close')
      await there!.close()
      await ended
      assert.equal(worker.getConnections().length, 0)
    } finally {
      await node.unhandle(PROTOCOL)
      await worker.stop()
    }
  })

  it('ends when its page is closed, or the worker that asked', async () => {
    const ports: MessagePort[] = []
    const dialing = webRtcDialing({
      connect: connectOverPorts(async call => {
        ports.push(call.port)
        void answerCall(call, connectNatively)
      }),
      clock: systemClock,
      random: Math.random,
    })
    const worker = await createDialingNode([dialing as never], { clock: systemClock, log: silentLog() })
    try {
      const connection = await worker.dial(node.getMultiaddrs())
      const [there] = node.getConnections(worker.peerId)
      const ended = [once(connection, 'close'), once(there!, 'close')]
      ports[0]!.close()
      await Promise.all(ended)
    } finally {
      await worker.stop()
    }
  })

  it('says why there is none, and gives up with who asked', async () => {
    const failing = await workerOf(() => Promise.reject(new Error('no WebRTC here')))
    await assert.rejects(failing.dial(node.getMultiaddrs()), /no WebRTC here/)
    await failing.stop()
    const given = Promise.withResolvers<AbortSignal>()
    const stop = new AbortController()
    const connect = connectOverPorts(
      async call =>
        void answerCall(call, (_, __, signal) => {
          given.resolve(signal)
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        }),
    )
    const connecting = connect(PLACE, 'x'.repeat(30), stop.signal)
    const signal = await given.promise
    const aborted = once(signal, 'abort')
    stop.abort(new Error('enough'))
    await assert.rejects(connecting, /enough/)
    await aborted
  })
})
