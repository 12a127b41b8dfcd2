// The module that kv-sync puts into each version that it deploys.
declare module "*/kv-sync-manifest.bin" {
  const manifest: ArrayBuffer;
  export default manifest;
}
