import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { CONNECTIONS } from '../../../../node/network/limits.ts'
import { createHandshakes } from '../../../../node/network/web-socket/handshakes.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  isDestroyed = false

  constructor(remoteAddress?: string, remotePort?: number) {
    super()
    this.remoteAddress = remoteAddress
    this.remotePort = remotePort
  }

  destroy() {
    this.isDestroyed = true
    this.emit('close')
  }
}

describe('handshakes of WebSockets', () => {
  let clock: VirtualClock
  let refused: string[]
  let ports: number
  beforeEach(() => {
    clock = new VirtualClock()
    refused = []
    ports = 1_000
  })
  const start = (limits = { pending: 4, pendingPerAddress: 2 }) => {
    const handshakes = createHandshakes(clock, reason => refused.push(reason), limits)
    return {
      end: handshakes.end,
      come(address?: string, port = ports++) {
        const socket = new FakeSocket(address, port)
        handshakes.begin(socket as unknown as Socket)
        return socket
      },
    }
  }

  it('end when they take too long, and not once they are over', async () => {
    const handshakes = start()
    const slow = handshakes.come('192.0.2.1')
    const over = handshakes.come('192.0.2.1')
    // as a socket above TLS has them
    handshakes.end({ remoteAddress: over.remoteAddress, remotePort: over.remotePort } as Socket)
    await clock.advance(CONNECTIONS.inboundUpgradeTimeout)
    assert.deepEqual([slow.isDestroyed, over.isDestroyed], [true, false])
    assert.deepEqual([refused, clock.waiting], [['handshake'], 0])
  })

  it('of one address push out its oldest, and of all the oldest of who has most', () => {
    const handshakes = start()
    const [a1, a2] = [handshakes.come('192.0.2.1'), handshakes.come('192.0.2.1')]
    const a3 = handshakes.come('192.0.2.1')
    assert.deepEqual(
      [a1, a2, a3].map(one => one.isDestroyed),
      [true, false, false],
    )
    const b = handshakes.come('192.0.2.2')
    const c = handshakes.come('192.0.2.3')
    const d = handshakes.come('192.0.2.4')
    assert.deepEqual(
      [a2, a3, b, c, d].map(one => one.isDestroyed),
      [true, false, false, false, false],
    )
    assert.deepEqual(refused, ['pending', 'pending'])
  })

  it('are forgotten when their sockets close', () => {
    const handshakes = start()
    for (let i = 0; i < 10; i++) handshakes.come('192.0.2.1').emit('close')
    assert.deepEqual([refused, clock.waiting], [[], 0])
  })

  it('are not begun with sockets that were reset at once, whose address nobody knows any more', async () => {
    const handshakes = start({ pending: 2, pendingPerAddress: 2 })
    for (let i = 0; i < 3; i++) assert.ok(handshakes.come().isDestroyed)
    assert.deepEqual([refused, clock.waiting], [[], 0])
    const [a, b] = [handshakes.come('192.0.2.1'), handshakes.come('192.0.2.2')]
    assert.deepEqual([a.isDestroyed, b.isDestroyed], [false, false])
  })

  it('are forgotten also when another has come from the same port meanwhile, which stays', async () => {
    const handshakes = start({ pending: 2, pendingPerAddress: 2 })
    const earlier = handshakes.come('192.0.2.1', 1)
    const later = handshakes.come('192.0.2.1', 1)
    earlier.emit('close')
    assert.equal(clock.waiting, 1)
    const other = handshakes.come('192.0.2.2')
    assert.deepEqual([later.isDestroyed, other.isDestroyed, refused], [false, false, []])
    handshakes.end(later)
    handshakes.end(other)
    assert.equal(clock.waiting, 0)
  })
})
