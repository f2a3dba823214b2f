import assert from 'node:assert/strict'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import {
  askForNetworkKey,
  askForStatus,
  type Commands,
  serveControl,
} from '../../../../node/storage/home/control.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

describe('a running node that is asked by its user', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let end: (() => Promise<void>) | undefined
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(async () => {
    await end?.()
    end = undefined
    await folder.remove()
  })
  const backup = () => assert.fail('nobody asked for a backup')
  const bandwidth = {
    quiet: false,
    waiting: { up: 0, down: 0 },
    moved: { up: 1, down: 2 },
    paths: { direct: { up: 0, down: 0 }, relayed: { up: 0, down: 0 } },
    month: { month: '2026-11', bytes: 3, usedUp: false },
  }
  const status = () => ({
    peerId: 'peer',
    reach: 'private' as const,
    multiaddrs: [],
    relays: [],
    paths: { direct: 1, relayed: 2 },
    traffic: [],
    punches: { succeeded: 0, failed: 0 },
    bandwidth,
  })
  const serve = async (prepareNetworkKey: Commands['prepareNetworkKey']) => {
    end = await serveControl(
      folder.path,
      { backup, prepareNetworkKey, status },
      { clock: systemClock, log: silentLog() },
    )
  }
  const ask = () => askForNetworkKey(folder.path, 7, { clock: systemClock })

  it('says how it is reached', async () => {
    assert.equal(await askForStatus(folder.path, { clock: systemClock }), undefined)
    await serve(() => assert.fail('nobody asked for a key'))
    assert.deepEqual(await askForStatus(folder.path, { clock: systemClock }), status())
  })

  it('gives it as it is, or says why it cannot', async () => {
    assert.equal(await ask(), undefined)
    const key = {
      networkPublicKey: Uint8Array.of(0, 1, 255),
      peerId: 'peer',
      multiaddrs: ['/ip4/1.2.3.4/tcp/7'],
    }
    await serve(async port => {
      assert.equal(port, 7)
      return key
    })
    assert.deepEqual(await ask(), key)
    await end!()
    await serve(async () => {
      throw Object.assign(new Error('port 7 is in use'), { code: 'EADDRINUSE' })
    })
    await assert.rejects(ask(), {
      name: 'ControlError',
      code: 'NODE_FAILED',
      message: /port 7 is in use/,
      details: { reason: 'EADDRINUSE' },
    })
  })
})
