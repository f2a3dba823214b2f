import assert from 'node:assert/strict'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatKeystore, generateWalletKey, keypairWallet } from '../../chain/index.ts'
import { loadNodeKeys, loadWallet } from '../../node/keys.ts'
import { readWallet } from '../../node/wallet-file.ts'
import { temporaryFolder } from '../support/temporary.ts'

describe('keys', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    folder = await temporaryFolder()
  })
  afterEach(() => folder.remove())

  it('makes three separate keys that only the owner may read, and finds them again', async () => {
    const path = join(folder.path, 'keys')
    const keys = await loadNodeKeys(path)
    assert.deepEqual((await readdir(path)).sort(), ['bls.key', 'network.key', 'sui.key'])
    for (const name of await readdir(path)) assert.equal((await stat(join(path, name))).mode & 0o777, 0o600)
    const texts = await Promise.all((await readdir(path)).map(name => readFile(join(path, name), 'utf8')))
    assert.equal(new Set(texts).size, 3)
    assert.match(await readFile(join(path, 'sui.key'), 'utf8'), /^suiprivkey1[0-9a-z]+\n$/)
    const again = await loadNodeKeys(path)
    assert.deepEqual(again.blsSecret, keys.blsSecret)
    assert.deepEqual(again.networkSeed, keys.networkSeed)
    assert.equal(again.wallet.address, keys.wallet.address)
    assert.equal(keys.networkPublicKey.length, 33)
  })

  it('refuses a key that others may read', async () => {
    const path = join(folder.path, 'user.sui.key')
    await loadWallet(path)
    await chmod(path, 0o640)
    await assert.rejects(loadWallet(path), { name: 'KeyError', code: 'KEY_EXPOSED', path })
  })

  it('says nothing of what it read instead of a key', async () => {
    const path = join(folder.path, 'user.sui.key')
    await writeFile(path, 'almost-a-secret', { mode: 0o600 })
    await assert.rejects(loadWallet(path), (error: Error) => {
      assert.ok(!JSON.stringify([error.message, error.stack, error.cause]).includes('almost-a-secret'))
      return true
    })
  })
})

describe('readWallet', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let path: string
  beforeEach(async () => {
    folder = await temporaryFolder()
    path = join(folder.path, 'sui.keystore')
  })
  afterEach(() => folder.remove())

  it('reads one key, and makes none', async () => {
    await assert.rejects(readWallet(path), { code: 'ENOENT' })
    assert.deepEqual(await readdir(folder.path), [])
    const made = await loadWallet(path)
    assert.equal((await readWallet(path)).address, made.address)
  })

  it("takes one of a keystore's keys by its address", async () => {
    const [first, second] = [generateWalletKey(), generateWalletKey()]
    await writeFile(path, formatKeystore([first, second]), { mode: 0o600 })
    const { address } = keypairWallet(second)
    assert.equal((await readWallet(path, { address })).address, address)
    await assert.rejects(readWallet(path), { name: 'KeyError', code: 'KEY_UNCLEAR', path })
    await assert.rejects(readWallet(path, { address: `0x${'1'.repeat(64)}` }), { code: 'KEY_MISSING', path })
  })

  it('refuses what others may read, and says nothing of what is no key', async () => {
    await writeFile(path, '["almost-a-secret"]', { mode: 0o644 })
    await assert.rejects(readWallet(path), { code: 'KEY_EXPOSED', path })
    await chmod(path, 0o600)
    await assert.rejects(readWallet(path), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'KEY_MALFORMED')
      assert.ok(!JSON.stringify([error.message, error.stack, error.cause]).includes('almost-a-secret'))
      return true
    })
  })
})
