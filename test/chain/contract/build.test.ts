import assert from 'node:assert/strict'
import { prepareMovePackagePublish } from '@zktx.io/sui-move-builder/full'
import { build } from '../../../chain/build.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { compilePackage, MoveCompileError } from '../../../chain/move/compiler.ts'
import { walPackage } from '../../../chain/move/contract.ts'
import { LocalFetcher } from '../../../chain/move/fetcher.ts'
import { PLACEHOLDERS } from '../../../chain/move/link.ts'

const walId = `0x${'ab'.repeat(32)}`

describe('contract build', function () {
  this.timeout(60_000)
  before(() => build())

  it('compiles nothing that has not changed', async () => {
    assert.deepEqual(await build(), [])
  })

  it('links the contract to the coin that was published before', () => {
    const holder = loadBuild('walrus')
    const linked = loadBuild('walrus', { wal: walId })
    assert.ok(holder.dependencies.includes(PLACEHOLDERS.wal))
    assert.ok(linked.dependencies.includes(walId) && !linked.dependencies.includes(PLACEHOLDERS.wal))
    const contains = (modules: Uint8Array[], id: string) =>
      modules.some(module => Buffer.from(module).includes(Buffer.from(id.slice(2), 'hex')))
    assert.ok(contains(holder.modules, PLACEHOLDERS.wal))
    assert.ok(contains(linked.modules, walId) && !contains(linked.modules, PLACEHOLDERS.wal))
    assert.deepEqual(
      linked.modules.map(module => module.length),
      holder.modules.map(module => module.length),
    )
  })

  it("computes Sui's package digest", async () => {
    const { files } = walPackage()
    const fetcher = new LocalFetcher()
    const result = await prepareMovePackagePublish({
      files,
      fetcher,
      network: 'testnet',
      silenceWarnings: true,
    })
    assert.ok('digest' in result)
    assert.deepEqual([...loadBuild('wal').digest], [...Uint8Array.from(result.digest)])
  })

  it('reports what the compiler says', async () => {
    const files = {
      'Move.toml': '[package]\nname = "bad"\nedition = "2024"\n[addresses]\nbad = "0x0"\n',
      'sources/bad.move': 'module bad::bad;\npublic fun f(): u64 { true }\n',
    }
    await assert.rejects(compilePackage({ name: 'bad', files }), (error: unknown) => {
      assert.ok(error instanceof MoveCompileError)
      assert.equal(error.code, 'MOVE_COMPILE')
      assert.equal(error.details.package, 'bad')
      assert.match(error.message, /bad\.move:2/)
      assert.ok(!error.message.includes('\u001b'), 'colours are left out')
      return true
    })
  })

  it('downloads nothing', async () => {
    const files = {
      'Move.toml':
        '[package]\nname = "far"\nedition = "2024"\n[dependencies]\nFar = { git = "https://example.com/far.git", subdir = "far", rev = "main" }\n[addresses]\nfar = "0x0"\n',
      'sources/far.move': 'module far::far;\n',
    }
    await assert.rejects(compilePackage({ name: 'far', files }), /not part of the framework/)
  })
})
