import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../base/log.ts'
import type { BlobId } from '../../codec/types.ts'
import { type DevnetOptions, startDevnet } from '../../node/devnet/devnet.ts'
import { temporaryFolder } from '../support/temporary.ts'

/** What becomes of a network when files of its folder are lost or damaged: nothing that could be kept is lost. */
describe('the folder of a network', function () {
  this.timeout(60_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let blobId: BlobId
  const data = randomBytes(3_000)
  const start = (options: DevnetOptions = {}) =>
    startDevnet({ dir: folder.path, port: 0, nodes: 4, shards: 10, log: silentLog(), ...options })
  const at = (...parts: string[]) => join(folder.path, ...parts)

  /** Starts it, reads the blob and stops it. */
  async function readsIt(options: DevnetOptions = {}): Promise<void> {
    const devnet = await start(options)
    try {
      assert.deepEqual(Buffer.from((await devnet.client.read(blobId)).data), data)
    } finally {
      await devnet.close()
    }
  }

  /** Runs `check` while a file or folder is away. */
  async function without(path: string, check: () => Promise<void>): Promise<void> {
    const away = `${path}.away`
    await rename(path, away)
    try {
      await check()
    } finally {
      await rm(path, { recursive: true, force: true })
      await rename(away, path)
    }
  }

  before(async () => {
    folder = await temporaryFolder()
    const devnet = await start()
    try {
      const result = await devnet.client.store(data, { epochs: 2, deletable: true })
      blobId = result.kind === 'newlyCreated' ? result.blob.blobId : result.blobId
    } finally {
      await devnet.close()
    }
  })
  after(() => folder.remove())

  it('is continued when network.json is gone', () => without(at('network.json'), () => readsIt()))

  it('is continued when what is written at each start is damaged', async () => {
    await writeFile(at('network.json'), '{')
    await writeFile(at('nodes', '01', 'config.json'), '')
    await readsIt()
    // without a copy it is not taken for one that was never set up
    await writeFile(at('network.json'), '{}')
    await without(at('localnet', 'network.json'), () =>
      assert.rejects(start(), { code: 'CONFIG_MALFORMED', path: at('network.json') }),
    )
    await readsIt()
  })

  it('is continued when its set-up was killed before network.json was written', async () => {
    await rm(at('network.json'))
    await readsIt()
  })

  it('is not taken for an empty one when both network files are gone', () =>
    without(at('network.json'), () =>
      without(at('localnet'), () =>
        assert.rejects(start(), {
          code: 'DEVNET_DAMAGED',
          details: { dir: folder.path, missing: at('network.json') },
        }),
      ),
    ))

  it('is refused without its chain, or with one of its keys gone', async () => {
    await without(at('localnet', 'ledger'), () =>
      assert.rejects(start(), {
        code: 'DEVNET_DAMAGED',
        details: { dir: folder.path, missing: at('localnet', 'ledger') },
      }),
    )
    for (const path of [at('keys', 'user.sui.key'), at('nodes', '02', 'keys', 'bls.key')]) {
      await without(path, () => assert.rejects(start(), { code: 'KEY_MISSING', path }))
    }
    await readsIt()
  })

  const stores: [string, string, string[]][] = [
    ['a node', 'STORE_DAMAGED', ['nodes', '01', 'store', 'index']],
    ['the chain', 'LEDGER_DAMAGED', ['localnet', 'ledger']],
  ]
  const damages: [string, string, (path: string) => Promise<void>][] = [
    ['lost', 'CURRENT', path => rm(path)],
    ['damaged', 'CURRENT', path => writeFile(path, 'nothing that it should be')],
    ['damaged', 'MANIFEST', path => writeFile(path, '\0\0\0')],
  ]
  for (const [whose, code, parts] of stores) {
    for (const [how, name, damage] of damages) {
      it(`says what to do about a ${how} ${name} of ${whose}, and mends it when asked to`, async () => {
        const store = at(...parts)
        const file = (await readdir(store)).find(found => found.startsWith(name))
        assert.ok(file !== undefined)
        await damage(join(store, file))
        await assert.rejects(start(), { code, message: /repair/ })
        await readsIt({ repair: true })
        await readsIt()
      })
    }
  }

  it('may have a damaged lock: there is nothing in it', async () => {
    await writeFile(at('lock', 'CURRENT'), 'nothing that it should be')
    await readsIt()
  })
})
