# path_to_xml, path_to_bin and the class ImageLoader are there already.
# ruff: noqa: F821
from openvino.tools.pot import (
    IEEngine,
    compress_model_weights,
    create_pipeline,
    load_model,
    save_model,
)

model_config = {
    "model_name": "model",
    "model": path_to_xml,
    "weights": path_to_bin,
}
engine_config = {"device": "CPU"}
algorithms = [
    {
        "name": "DefaultQuantization",
        "params": {
            "target_device": "ANY",
            "stat_subset_size": 300,
        },
    }
]

data_loader = ImageLoader("<path_to_images>")
model = load_model(model_config=model_config)
engine = IEEngine(config=engine_config, data_loader=data_loader)
pipeline = create_pipeline(algorithms, engine)
compressed_model = pipeline.run(model=model)
compress_model_weights(compressed_model)
compressed_model_paths = save_model(
    model=compressed_model,
    save_path="optimized_model",
    model_name="optimized_model",
)
