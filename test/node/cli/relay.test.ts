import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import { createCloseStack } from '../../../base/close-stack.ts'
import { parseObjectId } from '../../../codec/index.ts'
import { choosePorts } from '../../../node/devnet/ports.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import type { RelayStatus } from '../../../node/relay/status.ts'
import { askReach, CircuitError, reserveAt } from '../../../protocols/index.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { quietLog } from '../../protocols/support/quiet.ts'
import { floe, networkFolder, REAL_FLOE, type Running, spawnFloe } from './support.ts'

describe('floe relay', function () {
  this.timeout(180_000)
  let folder: Awaited<ReturnType<typeof networkFolder>>
  let dir: string
  let running: Running | undefined
  beforeEach(async () => {
    folder = await networkFolder()
    dir = folder.path
  })
  afterEach(async () => {
    running?.child.kill('SIGTERM')
    await running?.ended
    running = undefined
    await folder.remove()
  })

  const start = async (...more: string[]) => {
    const ports = ['--port', '0', '--http-port', '0', '--stun-port', '0', ...more]
    const network = ['--network', join('.floe', 'network.json')]
    const args = ['relay', '--dir', 'r', ...network, ...ports, '--json', '--log', 'info']
    running = spawnFloe(dir, args, {}, REAL_FLOE)
    let told = ''
    running.child.stdout?.on('data', chunk => {
      told += chunk
    })
    let logged = ''
    running.child.stderr?.on('data', chunk => {
      logged += chunk
    })
    await eventually(
      () => told.includes('\n') || running?.child.exitCode !== null,
      () => logged,
      90_000,
    )
    const up = JSON.parse(told) as { peerId: string; multiaddrs: string[]; http: string; stunPort: number }
    return { ...up, http: up.http.replace(/0\.0\.0\.0|\[::\]/, '127.0.0.1'), logged: () => logged }
  }
  const stop = async () => {
    running!.child.kill('SIGTERM')
    const { code } = await running!.ended
    running = undefined
    return code
  }
  const statusOf = async (http: string) => (await (await fetch(`${http}/status`)).json()) as RelayStatus

  it('names the option of a port that is taken', async () => {
    const server = createServer()
    await once(server.listen(0), 'listening')
    try {
      const { port } = server.address() as AddressInfo
      for (const option of ['--port', '--ws-port', '--http-port', '--stun-port']) {
        const ports = ['--port', '0', '--http-port', '0', '--stun-port', '0', option, `${port}`]
        const args = ['relay', '--dir', 'r', ...ports, '--json', '--log', 'silent']
        const { code, stderr } = await floe(dir, args, { program: REAL_FLOE })
        const { error } = JSON.parse(stderr)
        assert.deepEqual([code, error.code, error.details.port], [9, 'PORT_TAKEN', port])
        assert.match(error.hint, new RegExp(`another port with ${option},`))
      }
    } finally {
      server.close()
    }
  })

  it('listens for nodes and pages at a port that is named, over both families', async () => {
    const held = createCloseStack(quietLog)
    try {
      const [port] = await choosePorts('127.0.0.1', [undefined, undefined], held)
      const { multiaddrs, logged } = await start('--port', String(port))
      const has = (what: string) =>
        assert.ok(
          multiaddrs.some(one => one.startsWith(what)),
          `${what} ${multiaddrs}`,
        )
      has(`/ip4/127.0.0.1/tcp/${port}/p2p/`)
      has(`/ip4/127.0.0.1/tcp/${port! + 1}/ws/`)
      has(`/ip4/127.0.0.1/udp/${port}/webrtc-direct/certhash/`)
      assert.doesNotMatch(logged(), /do not reach/)
    } finally {
      await held.closeAll()
    }
  })

  it('runs with a small heap, tells how it is, reads its lists again, and keeps its name and counts', async () => {
    const relay = await start()
    const libp2p = await createNetworkNode({
      roles: ['client'],
      log: quietLog,
      clock: systemClock,
      random: Math.random,
    })
    try {
      const byTcp = relay.multiaddrs.filter(one => !one.includes('/ws/') && !one.includes('/udp/'))
      assert.ok(byTcp.length < relay.multiaddrs.length, 'it takes WebSockets, too')
      const local = byTcp.find(one => one.includes('/127.0.0.1/'))!
      assert.ok(relay.multiaddrs.some(one => one.includes('/webrtc-direct/certhash/')))
      const connection = await libp2p.dial(multiaddr(local))
      assert.equal((await reserveAt(connection, { clock: systemClock })).stunPort, relay.stunPort)
      const network = parseObjectId('0x1')
      assert.equal((await askReach(connection, [], { network, clock: systemClock })).seen, '127.0.0.1')
      // of the other family, where the machine has it
      for (const six of byTcp.filter(one => one.includes('/ip6/::1/'))) {
        const over6 = await libp2p.dial(multiaddr(six), { force: true })
        assert.equal((await askReach(over6, [], { network, clock: systemClock })).seen, '0:0:0:0:0:0:0:1')
        await over6.close()
      }
      assert.equal((await statusOf(relay.http)).reservations, 1)
      const metrics = await (await fetch(`${relay.http}/metrics`)).text()
      assert.match(metrics, /^floe_relay_reservations 1$/m)
      assert.equal((await fetch(`${relay.http}/health`)).status, 200)
      const page = await fetch(relay.http)
      assert.match(await page.text(), /Floe relay/)
      const asked = await floe(dir, ['relay', 'status', '--url', relay.http, '--json'], {
        program: REAL_FLOE,
      })
      assert.equal(asked.code, 0)
      assert.equal((JSON.parse(asked.stdout.toString()) as RelayStatus).counts.reservations, 1)

      await writeFile(join(dir, 'r', 'relay.json'), JSON.stringify({ deny: [libp2p.peerId.toString()] }))
      running!.child.kill('SIGHUP')
      await eventually(
        () => relay.logged().includes('read again'),
        () => relay.logged(),
      )
      // who had a reservation is hung up on
      await eventually(
        () => connection.status !== 'open',
        () => `the connection is ${connection.status}`,
      )
      const another = await libp2p.dial(multiaddr(local))
      await assert.rejects(reserveAt(another, { clock: systemClock }), (error: CircuitError) => {
        assert.ok(error instanceof CircuitError)
        return (error.details as { reason?: string }).reason === 'denied'
      })
    } finally {
      await libp2p.stop()
    }
    assert.equal(await stop(), 0)
    const again = await start()
    assert.equal(again.peerId, relay.peerId)
    const { counts, rssBytes } = await statusOf(again.http)
    assert.deepEqual([counts.reservations, counts.refused], [1, { denied: 1 }])
    assert.ok(rssBytes < 256 * 1024 * 1024, `${rssBytes} bytes`)
  })

  it('tells each second how it is, to a page, also where none come by WebSockets', async () => {
    const relay = await start('--no-ws', '--no-webrtc')
    assert.ok(!relay.multiaddrs.some(one => /\/ws\/|webrtc/.test(one)), String(relay.multiaddrs))
    const response = await fetch(`${relay.http}/events`)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let told = ''
    while ((told.match(/^data: /gm) ?? []).length < 2) {
      const { done, value } = await reader.read()
      assert.ok(!done, told)
      told += value
    }
    await reader.cancel()
    const [, first] = /^data: (.*)$/m.exec(told) ?? []
    assert.equal((JSON.parse(first!) as RelayStatus).peerId, relay.peerId)
  })

  it('starts one process with a small heap, whatever flags its own was started with', async () => {
    await mkdir(join(dir, 'r'))
    await writeFile(join(dir, 'r', 'relay.json'), 'null')
    const flags = ['--max-old-space-size=1024', '--max-semi-space-size=64']
    const args = [...flags, REAL_FLOE, 'relay', '--dir', 'r', '--port', '0', '--ws-port', '0', '--json']
    const child = spawn(process.execPath, args, { cwd: dir, timeout: 90_000 })
    let told = ''
    child.stderr.on('data', chunk => {
      told += chunk
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 2, told)
    assert.match(told, /RELAY_SETTINGS.*JSON/)
  })

  it('names what is wrong in its settings', async () => {
    await mkdir(join(dir, 'r'))
    await writeFile(join(dir, 'r', 'relay.json'), '{ "limits": { "circuit": 3 } }')
    const { code, stderr } = await floe(
      dir,
      ['relay', '--dir', 'r', '--port', '0', '--ws-port', '0', '--json'],
      {
        program: REAL_FLOE,
      },
    )
    assert.equal(code, 2)
    assert.match(stderr, /RELAY_SETTINGS.*circuit/)
  })

  it('has STUN where peers ask', async () => {
    const { code, stderr } = await floe(dir, ['relay', '--dir', 'r', '--stun-port', '443'])
    assert.equal(code, 2)
    assert.match(stderr, /from 1024/)
  })

  it('says when no relay answers', async () => {
    const { code, stderr } = await floe(dir, ['relay', 'status', '--url', 'http://127.0.0.1:1'], {
      program: REAL_FLOE,
    })
    assert.equal(code, 5)
    assert.match(stderr, /No relay answers/)
  })
})
